/** A disk that can really be full: a small tmpfs. Needs the right to mount one. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Smaller than the space that RocksDB would reserve for its log in advance. So RocksDB takes space as it writes, and
 * notices when it runs out.
 */
const DISK_MIB = 8;

export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** @param folder an empty folder @returns the disk; if it cannot be mounted, the reason as text */
  static mount(folder: string): SmallDisk | string {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], {
      encoding: 'utf8',
    });
    if (mounted.status === 0) return new SmallDisk(folder);
    return `no tmpfs can be mounted here: ${mounted.error?.message ?? mounted.stderr.trim()}`;
  }

  /** Fills all space that is left. */
  async fill(): Promise<void> {
    try {
      await writeFile(this.#ballast, Buffer.alloc(2 * DISK_MIB * 1024 * 1024));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
    throw new Error(`${this.folder} took more than it can hold`);
  }

  /** Frees that space. */
  free(): void {
    rmSync(this.#ballast);
  }

  /** Works even if a process still has files open in it. */
  unmount(): void {
    spawnSync('umount', ['-l', this.folder]);
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }
}
