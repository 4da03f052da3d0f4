/**
 * A disk that hangs: calls to files below a folder block in a library that is loaded before libc. Unlike one that the kernel
 * has frozen, it lets a process that hangs on it be killed, as an NFS volume does. Needs a C compiler and the GNU libc.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every call that RocksDB writes with; a call that hangs goes on once the file HANGS_WHILE is gone. */
const LIBRARY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static void wait_below(int fd) {
  const char *flag = getenv("HANGS_WHILE"), *folder = getenv("HANGS_BELOW");
  if (flag == NULL || folder == NULL || access(flag, F_OK) != 0) return;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0) return;
  while (access(flag, F_OK) == 0) usleep(20000);
}

#define HANGING(type, name, declared, ...)                          \\
  type name declared {                                              \\
    static type (*real) declared;                                   \\
    if (real == NULL) real = (type (*) declared) dlsym(RTLD_NEXT, #name); \\
    wait_below(fd);                                                 \\
    return real(__VA_ARGS__);                                       \\
  }

HANGING(ssize_t, write, (int fd, const void *bytes, size_t size), fd, bytes, size)
HANGING(ssize_t, writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
HANGING(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), fd, bytes, size, at)
HANGING(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), fd, bytes, size, at)
HANGING(int, fsync, (int fd), fd)
HANGING(int, fdatasync, (int fd), fd)
HANGING(int, ftruncate, (int fd, off_t size), fd, size)
HANGING(int, ftruncate64, (int fd, off64_t size), fd, size)
`;

export class HangingDisk {
  /** For the process that is to hang. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #flag: string;

  private constructor(
    readonly folder: string,
    built: string,
    library: string,
  ) {
    this.#flag = join(built, 'hangs');
    this.environment = { LD_PRELOAD: library, HANGS_WHILE: this.#flag, HANGS_BELOW: folder };
  }

  /**
   * @param folder whose files hang
   * @param built an empty folder for what is needed for that
   * @returns the disk, or why there can be none
   */
  static build(folder: string, built: string): HangingDisk | string {
    const [source, library] = [join(built, 'hanging.c'), join(built, 'hanging.so')];
    writeFileSync(source, LIBRARY);
    const args = ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'];
    const { status, error, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
    if (status === 0) return new HangingDisk(folder, built, library);
    return `no library can be built here: ${error?.message ?? stderr.trim()}`;
  }

  /** Whatever is written to it from now on hangs until `answer`. */
  hang(): void {
    writeFileSync(this.#flag, '');
  }

  answer(): void {
    rmSync(this.#flag, { force: true });
  }
}
