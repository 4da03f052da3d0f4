/** The local storage for the state of one partition. Implemented by RocksDB, and by a simulated disk in tests. */

/** A change of one key; a null value deletes it. */
export interface KeyChange {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface Pair {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface KeyValueReads {
  /** The values of `keys`, in their order; null for a key without a value. One multi-get. */
  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]>;
  /** Every pair whose key starts with `prefix`, in key order. If `limit` is given, only the first `limit` pairs. */
  scan(prefix: Buffer, limit?: number): Promise<Pair[]>;
}

/** The store as it was when the snapshot was taken. Keeping one open costs little. It must be closed. */
export interface StoreSnapshot extends KeyValueReads {
  /** As `scan`, but keeps only a few pairs in memory at a time. */
  pairs(prefix: Buffer): AsyncIterable<Pair>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface KeyValueStore extends KeyValueReads {
  /** The first `limit` pairs whose key starts with `prefix` and is above `after`, in key order. */
  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]>;
  /**
   * All or nothing, even if the process crashes. A crash of the machine may lose the last writes, but only complete
   * ones.
   */
  write(changes: readonly KeyChange[]): Promise<void>;
  /**
   * The snapshot is taken when this call returns. If a write is in progress at that moment, the snapshot has all or
   * nothing of it.
   */
  snapshot(): StoreSnapshot;
  /** Waits for the calls in progress, then releases the folder. Idempotent. */
  close(): Promise<void>;
}

/** STATE_DIR as the pipeline sees it: one store per partition. */
export interface StateDirectory {
  /**
   * Opens the store of a partition; creates an empty one if there was none.
   *
   * @throws CorruptStoreError if the folder cannot be opened (set it aside)
   * @throws StoreUnavailableError if the disk cannot be used now (wait)
   */
  open(partition: number): Promise<KeyValueStore>;
  /**
   * Renames a partition's folder, so that `open` starts with an empty one. Deletes nothing.
   *
   * @param store the caller's store of that folder, if one is open. It is closed first, and nobody can open the folder
   *   in between.
   */
  setAside(partition: number, why: string, store?: KeyValueStore): Promise<void>;
  /**
   * Calls `read` with the partition's folder that was set aside last. Changes nothing in it.
   *
   * @returns the result of `read`; null if no folder was set aside
   * @throws CorruptStoreError if the folder cannot be opened; StoreUnavailableError; what `read` throws
   */
  readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null>;
}

/**
 * The folder contains something that cannot be read as state of company-sync: set it aside and rebuild it from the
 * changelog.
 */
export class CorruptStoreError extends Error {
  override readonly name = 'CorruptStoreError';
}

/** The disk is full or fails: the partition waits and retries. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}
