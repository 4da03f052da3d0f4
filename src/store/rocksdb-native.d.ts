/** The part of rocksdb-native (installed as `rocksdb`) that the store uses; the package has no types of its own. */
declare module 'rocksdb' {
  class FilterPolicy {
    constructor(bitsPerKey: number);
  }

  interface Options {
    readonly readOnly?: boolean;
    readonly createIfMissing?: boolean;
    readonly maxBackgroundJobs?: number;
    readonly skipStatsUpdateOnOpen?: boolean;
    readonly walRecoveryMode?: number;
    readonly writeBufferSize?: number;
    readonly maxWriteBufferNumber?: number;
    readonly tableBlockSize?: number;
    /** False for no cache; otherwise RocksDB's default of 32 MiB. */
    readonly blockCache?: boolean;
    readonly tableCacheIndexAndFilterBlocks?: boolean;
    readonly optimizeFiltersForMemory?: boolean;
    readonly unpartitionedPinningTier?: number;
    readonly topLevelIndexPinningTier?: number;
    readonly partitionPinningTier?: number;
    readonly filterPolicy?: FilterPolicy | null;
  }

  interface BatchOptions {
    /** Number of operations for which the batch has space before it must grow. */
    readonly capacity: number;
    /** Frees the batch once it is flushed. */
    readonly autoDestroy: boolean;
  }

  interface ReadBatch {
    get(key: Uint8Array): Promise<Buffer | null>;
    tryFlush(): void;
  }

  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    flush(): Promise<void>;
  }

  export interface Range {
    readonly gt?: Uint8Array;
    readonly gte?: Uint8Array;
    readonly lt?: Uint8Array;
    readonly limit?: number;
    /** Pairs fetched at a time. */
    readonly capacity?: number;
    readonly limit?: number;
  }

  export default class RocksDB {
    static readonly BloomFilterPolicy: typeof FilterPolicy;
    static readonly constants: {
      readonly pinningTier: { readonly NONE: number; readonly FLUSHED_AND_SIMILAR: number; readonly ALL: number };
      readonly walRecoveryMode: { readonly POINT_IN_TIME: number };
    };
    constructor(path: string, options?: Options);
    readonly closed: boolean;
    ready(): Promise<void>;
    close(): Promise<void>;
    /** Compacts all keys of the database, for measurements. */
    compactRange(): Promise<void>;
    /** A session on the database in its present state. Close it; closing the database closes it too. */
    snapshot(): RocksDB;
    read(options: BatchOptions): ReadBatch;
    write(options: BatchOptions): WriteBatch;
    iterator(range: Range): AsyncIterable<{ key: Buffer; value: Buffer }>;
  }
}
