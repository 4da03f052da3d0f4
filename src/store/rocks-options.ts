/**
 * The settings of a partition's RocksDB. Rows take tens of bytes. Reads are point lookups, and many of them find
 * nothing. One process has 12 to 64 partitions.
 *
 * A store's memory is two write buffers and a block cache. The cache also contains index and filter blocks, so the
 * limit holds however many companies exist. The binding can neither share a cache nor set its size: a store has
 * RocksDB's default cache of 32 MiB, or none. Without a cache, index and filter blocks stay in memory without a limit:
 * the filters take BLOOM_BITS_PER_KEY for each row. Blocks then come from the operating system's cache. So a store with
 * little memory has no block cache.
 */
import RocksDB from 'rocksdb';

const MIB = 1024 * 1024;
/** The cache size of the binding. */
const BLOCK_CACHE_BYTES = 32 * MIB;
const WRITE_BUFFERS = 2;
/** Larger write buffers are not faster. */
const MAX_WRITE_BUFFER_BYTES = 16 * MIB;
/** Smaller write buffers create so many files that compaction takes longer than the batches. */
const MIN_WRITE_BUFFER_BYTES = 1 * MIB;
/** A store that may take less than this has no block cache. */
const LEAST_WITH_CACHE_BYTES = BLOCK_CACHE_BYTES + WRITE_BUFFERS * 2 * MIB;
export const USUAL_STORE_BYTES = BLOCK_CACHE_BYTES + WRITE_BUFFERS * MAX_WRITE_BUFFER_BYTES;
/** The most that a store takes if it is given no memory. */
export const LEAST_STORE_BYTES = WRITE_BUFFERS * MIN_WRITE_BUFFER_BYTES;
const BLOCK_BYTES = 4 * 1024;
const BLOOM_BITS_PER_KEY = 10;
/** All partitions of the process share the threads. This is the limit for one partition. */
const BACKGROUND_JOBS = 2;

/** @param maxBytes the approximate memory that the store may take; never less than LEAST_STORE_BYTES */
export function rocksOptions(maxBytes = USUAL_STORE_BYTES): NonNullable<ConstructorParameters<typeof RocksDB>[1]> {
  const { pinningTier, walRecoveryMode } = RocksDB.constants;
  const blockCache = maxBytes >= LEAST_WITH_CACHE_BYTES;
  const writeBufferBytes = Math.floor((maxBytes - (blockCache ? BLOCK_CACHE_BYTES : 0)) / WRITE_BUFFERS);
  return {
    createIfMissing: true,
    maxBackgroundJobs: BACKGROUND_JOBS,
    skipStatsUpdateOnOpen: true,
    // If a power cut loses the tail of the log, complete writes are missing from the end: the rest is a prefix.
    walRecoveryMode: walRecoveryMode.POINT_IN_TIME,
    writeBufferSize: Math.min(MAX_WRITE_BUFFER_BYTES, Math.max(MIN_WRITE_BUFFER_BYTES, writeBufferBytes)),
    maxWriteBufferNumber: WRITE_BUFFERS,
    tableBlockSize: BLOCK_BYTES,
    filterPolicy: new RocksDB.BloomFilterPolicy(BLOOM_BITS_PER_KEY),
    optimizeFiltersForMemory: true,
    blockCache,
    tableCacheIndexAndFilterBlocks: blockCache,
    // Only the blocks of freshly flushed files, which are few and small, always stay in memory.
    unpartitionedPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    topLevelIndexPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    partitionPinningTier: pinningTier.NONE,
  };
}
