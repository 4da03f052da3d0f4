/** Temporary RocksDB stores, in one folder that is removed at the end. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../lib/temporary-folder.js';
import { RocksDbStore } from '../store/rocks-db-store.js';
import type { ScratchStore } from '../verify/plan.js';
import type { StoredRow } from '../verify/rows.js';

/** Memory of one store outside the heap. Two are open at a time. */
const STORE_BYTES = 64 * 1024 * 1024;

/** A scan keeps 256 rows in memory. Larger values are stored apart, and read one at a time. */
const MAX_SCANNED_BYTES = 64 * 1_024;
/** Keys of such values. No row has a key that begins with it. */
const APART = Buffer.from([0xfe]);
/** In place of a value that is stored apart. No row has an empty value. */
const IS_APART = Buffer.alloc(0);

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
      write: (rows) => store.write(rows.flatMap(storedRows)),
      pairs: (prefix) => wholeRows(store, prefix),
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

function storedRows(row: StoredRow): StoredRow[] {
  if (row.value.length <= MAX_SCANNED_BYTES) return [row];
  return [
    { key: row.key, value: IS_APART },
    { key: keyApart(row), value: row.value },
  ];
}

async function* wholeRows(store: RocksDbStore, prefix: Buffer): AsyncGenerator<StoredRow, void, undefined> {
  for await (const { key, value } of store.pairs(prefix)) {
    if (value.length > 0) yield { key, value };
    else {
      const [apart] = await store.read([keyApart({ key })]);
      if (apart == null) throw new Error('a row of the scratch store has lost its value');
      yield { key, value: apart };
    }
  }
}

function keyApart({ key }: Pick<StoredRow, 'key'>): Buffer {
  return Buffer.concat([APART, key]);
}
