/** The key-value store of one partition: one RocksDB, one column family. */
import RocksDB from 'rocksdb';
import { StoreUnavailableError, type KeyChange, type KeyValueStore, type StoreSnapshot } from './key-value-store.js';
import { RocksReads } from './rocks-reads.js';
import { storeErrorOf } from './rocks-errors.js';
import { removeOldInfoLogs } from './info-logs.js';
import { rocksOptions } from './rocks-options.js';

export class RocksDbStore extends RocksReads implements KeyValueStore {
  /** Set when closing has begun. After that, the database must not be called. */
  #closed: Promise<void> | undefined;

  /**
   * Opens the database in `folder`; creates both if they do not exist.
   *
   * @param maxBytes the approximate memory that it may take outside the heap
   * @throws CorruptStoreError
   * @throws StoreUnavailableError, also if another process or store has the database open
   */
  static async open(folder: string, maxBytes?: number): Promise<RocksDbStore> {
    await removeOldInfoLogs(folder);
    return RocksDbStore.#open(folder, rocksOptions(maxBytes));
  }

  /** Opens the database for reading: changes nothing on the disk, and every write fails. @throws as `open` */
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

  async write(changes: readonly KeyChange[]): Promise<void> {
    this.mustBeOpen();
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

  snapshot(): StoreSnapshot {
    this.mustBeOpen();
    return new RocksSnapshot(this.db.snapshot(), this.folder);
  }

  close(): Promise<void> {
    this.#closed ??= this.db.close();
    return this.#closed;
  }

  protected mustBeOpen(): void {
    if (this.#closed !== undefined) throw new StoreUnavailableError(`${this.folder} is closed`);
  }
}

class RocksSnapshot extends RocksReads implements StoreSnapshot {
  #closed: Promise<void> | undefined;

  close(): Promise<void> {
    this.#closed ??= this.db.closed ? Promise.resolve() : this.db.close();
    return this.#closed;
  }

  /** Closing the database also closes its snapshots. */
  protected mustBeOpen(): void {
    if (this.db.closed) throw new StoreUnavailableError(`${this.folder} is closed`);
  }
}
