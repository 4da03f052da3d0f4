/** Temporary RocksDB stores, in one folder that is removed at the end. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../lib/temporary-folder.js';
import { RocksDbStore } from '../store/rocks-db-store.js';
import type { ScratchStore } from '../verify/plan.js';

/** Memory of one store outside the heap. Two are open at a time. */
const STORE_BYTES = 64 * 1024 * 1024;

export class ScratchFolder {
  readonly #open = new Set<RocksDbStore>();

  private constructor(private readonly folder: string) {}

  /** @param root null for TMPDIR. @throws Error that names the folder */
  static async create(root: string | null): Promise<ScratchFolder> {
    return new ScratchFolder(await temporaryFolder('company-sync-verify-', root ?? undefined));
  }

  async open(name: string): Promise<ScratchStore> {
    const folder = join(this.folder, name);
    const store = await RocksDbStore.open(folder, STORE_BYTES);
    this.#open.add(store);
    return {
      write: (rows) => store.write(rows),
      pairs: (prefix) => store.pairs(prefix),
      remove: async () => {
        await store.close();
        this.#open.delete(store);
        await rm(folder, { recursive: true, force: true });
      },
    };
  }

  /** Removes everything, also after an error. */
  async remove(): Promise<void> {
    for (const store of this.#open) await store.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
