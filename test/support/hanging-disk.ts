/**
 * A disk that hangs: calls to files below a folder block in a library that is loaded before libc. A process that waits
 * for it can be killed, as with an NFS volume, and unlike a disk that the kernel has frozen. Needs a C compiler and the
 * GNU libc.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every call by which RocksDB writes, and Node's call that lists a folder. They hang while the file HANGS_WHILE.writes,
 * or HANGS_WHILE.lists, exists. The file HANGS_WHILE.begun shows that a call hangs.
 */
const LIBRARY = `
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static void wait_at(const char *path, const char *calls) {
  const char *prefix = getenv("HANGS_WHILE"), *folder = getenv("HANGS_BELOW");
  if (prefix == NULL || folder == NULL) return;
  char flag[4096];
  snprintf(flag, sizeof flag, "%s.%s", prefix, calls);
  if (access(flag, F_OK) != 0) return;
  if (strncmp(path, folder, strlen(folder)) != 0) return;
  char begun[4096];
  snprintf(begun, sizeof begun, "%s.begun", prefix);
  close(open(begun, O_CREAT | O_WRONLY, 0600));
  while (access(flag, F_OK) == 0) usleep(20000);
}

static void wait_below(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  wait_at(path, "writes");
}

typedef int (*filter)(const struct dirent64 *);
typedef int (*order)(const struct dirent64 **, const struct dirent64 **);
int scandir64(const char *path, struct dirent64 ***names, filter filters, order orders) {
  static int (*real)(const char *, struct dirent64 ***, filter, order);
  if (real == NULL) real = (int (*)(const char *, struct dirent64 ***, filter, order)) dlsym(RTLD_NEXT, "scandir64");
  wait_at(path, "lists");
  return real(path, names, filters, orders);
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
  /** The environment of the process that must hang. */
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
   * @param folder the folder whose files hang
   * @param built an empty folder for the compiled library
   * @returns the disk; if it cannot be made, the reason as text
   */
  static build(folder: string, built: string): HangingDisk | string {
    const [source, library] = [join(built, 'hanging.c'), join(built, 'hanging.so')];
    writeFileSync(source, LIBRARY);
    const args = ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'];
    const { status, error, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
    if (status === 0) return new HangingDisk(folder, built, library);
    return `no library can be built here: ${error?.message ?? stderr.trim()}`;
  }

  /** Whether a call hangs now, or has hung before. */
  get hasBegun(): boolean {
    return existsSync(`${this.#flag}.begun`);
  }

  /** Makes these calls hang, until `answer` is called. */
  hang(calls: 'writes' | 'lists'): void {
    writeFileSync(`${this.#flag}.${calls}`, '');
  }

  answer(): void {
    for (const end of ['writes', 'lists', 'begun']) rmSync(`${this.#flag}.${end}`, { force: true });
  }
}
