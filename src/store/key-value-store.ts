/** The local storage that the state of one partition lives in. Implemented by RocksDB; by a simulated disk in tests. */

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
  /** Every pair whose key starts with `prefix`, in key order; only the first `limit` of them where that is given. */
  scan(prefix: Buffer, limit?: number): Promise<Pair[]>;
}

/** The store as it was when this was taken. It costs little while it is held, and must be closed. */
export interface StoreSnapshot extends KeyValueReads {
  /** As `scan`, but holds a few pairs at a time. */
  pairs(prefix: Buffer): AsyncIterable<Pair>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface KeyValueStore extends KeyValueReads {
  /** The first `limit` pairs whose key starts with `prefix` and is above `after`, in key order. */
  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]>;
  /** All or nothing, also across a crash of the process; a machine crash may lose a tail of whole writes. */
  write(changes: readonly KeyChange[]): Promise<void>;
  /** Taken when this returns. A write that is under way then is in it as a whole, or not at all. */
  snapshot(): StoreSnapshot;
  /** Waits for what is in flight, then releases the folder. Idempotent. */
  close(): Promise<void>;
}

/** STATE_DIR as the pipeline sees it: one store per partition. */
export interface StateDirectory {
  /**
   * Opens the store of a partition, empty where there was none.
   * @throws CorruptStoreError where what is there cannot be opened (set it aside); StoreUnavailableError where the
   * disk cannot be used now (wait)
   */
  open(partition: number): Promise<KeyValueStore>;
  /**
   * Renames a partition's folder so that `open` starts with an empty one; nothing is deleted.
   *
   * @param store the caller's store of it, where one is open: closed first, and nobody opens the folder in between
   */
  setAside(partition: number, why: string, store?: KeyValueStore): Promise<void>;
}

/** The folder holds something that cannot be read as our state: set aside and rebuilt from the changelog. */
export class CorruptStoreError extends Error {
  override readonly name = 'CorruptStoreError';
}

/** The disk is full or fails: the partition waits and tries again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}
