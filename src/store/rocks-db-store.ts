/** The key-value store of one partition: one RocksDB, one column family. */
import RocksDB from 'rocksdb';
import { StoreUnavailableError, type KeyChange, type KeyValueStore } from './key-value-store.js';
import { storeErrorOf } from './rocks-errors.js';
import { rocksOptions } from './rocks-options.js';

const SCAN_CAPACITY = 256;

export class RocksDbStore implements KeyValueStore {
  /** Set once closing has begun: from then on nothing may be asked of the database. */
  #closed: Promise<void> | undefined;

  private constructor(
    private readonly db: RocksDB,
    private readonly folder: string,
  ) {}

  /**
   * Opens the database in `folder`; creates both where there is none.
   * @throws CorruptStoreError, StoreUnavailableError; the latter too where someone else has it open
   */
  static open(folder: string): Promise<RocksDbStore> {
    return RocksDbStore.#open(folder, rocksOptions());
  }

  /** For a look at what is there: nothing on the disk changes, and writing fails. @throws as `open` */
  static openReadOnly(folder: string): Promise<RocksDbStore> {
    return RocksDbStore.#open(folder, { ...rocksOptions(), createIfMissing: false, readOnly: true });
  }

  static async #open(folder: string, options: ReturnType<typeof rocksOptions>): Promise<RocksDbStore> {
    const db = new RocksDB(folder, options);
    try {
      await db.ready();
    } catch (cause) {
      throw storeErrorOf(`cannot open ${folder}`, cause);
    }
    return new RocksDbStore(db, folder);
  }

  async read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    this.#mustBeOpen();
    if (keys.length === 0) return [];
    const batch = this.db.read({ capacity: keys.length, autoDestroy: true });
    const values = keys.map((key) => batch.get(key));
    batch.tryFlush();
    try {
      return await Promise.all(values);
    } catch (cause) {
      throw storeErrorOf(`cannot read from ${this.folder}`, cause);
    }
  }

  async write(changes: readonly KeyChange[]): Promise<void> {
    this.#mustBeOpen();
    if (changes.length === 0) return;
    const batch = this.db.write({ capacity: changes.length, autoDestroy: true });
    for (const { key, value } of changes) {
      if (value === null) batch.tryDelete(key);
      else batch.tryPut(key, value);
    }
    try {
      await batch.flush();
    } catch (cause) {
      throw storeErrorOf(`cannot write to ${this.folder}`, cause);
    }
  }

  async scan(prefix: Buffer): Promise<{ key: Buffer; value: Buffer }[]> {
    this.#mustBeOpen();
    const lt = firstKeyAfter(prefix);
    const range = { gte: prefix, capacity: SCAN_CAPACITY, ...(lt === null ? {} : { lt }) };
    const pairs: { key: Buffer; value: Buffer }[] = [];
    try {
      for await (const pair of this.db.iterator(range)) pairs.push(pair);
    } catch (cause) {
      throw storeErrorOf(`cannot scan ${this.folder}`, cause);
    }
    return pairs;
  }

  close(): Promise<void> {
    this.#closed ??= this.db.close();
    return this.#closed;
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new StoreUnavailableError(`${this.folder} is closed`);
  }
}

/** The first key that is greater than every key starting with `prefix`; null where none is. */
function firstKeyAfter(prefix: Buffer): Buffer | null {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.readUInt8(i);
    if (byte === 0xff) continue;
    const next = Buffer.from(prefix.subarray(0, i + 1));
    next[i] = byte + 1;
    return next;
  }
  return null;
}
