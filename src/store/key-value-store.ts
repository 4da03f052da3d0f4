/** The local storage that the state of one partition lives in. Implemented by RocksDB; by a simulated disk in tests. */

/** A change of one key; a null value deletes it. */
export interface KeyChange {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface KeyValueStore {
  /** The values of `keys`, in their order; null where there is none. One multi-get. */
  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]>;
  /** All or nothing, also across a crash of the process; a machine crash may lose a tail of whole writes. */
  write(changes: readonly KeyChange[]): Promise<void>;
  /** Every pair whose key starts with `prefix`, in key order. */
  scan(prefix: Buffer): Promise<{ key: Buffer; value: Buffer }[]>;
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
  /** Renames a closed partition's folder so that `open` starts with an empty one; nothing is deleted. */
  setAside(partition: number, why: string): Promise<void>;
}

/** The folder holds something that cannot be read as our state: set aside and rebuilt from the changelog. */
export class CorruptStoreError extends Error {
  override readonly name = 'CorruptStoreError';
}

/** The disk is full or fails: the partition waits and tries again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}
