/**
 * How a partition's RocksDB is tuned: rows of tens of bytes, read by point lookups of which many find nothing, and 12 to
 * 64 partitions in one process.
 *
 * Memory of one store: two write buffers and a block cache, which index and filter blocks live in too, so that it stays the
 * bound however many companies there are. The binding can neither share a cache nor set its size: a store has RocksDB's
 * default cache of 32 MiB or none. Without one, index and filter blocks stay in memory outside of any bound, about 2 bytes
 * for each company, and blocks are read from the operating system's cache. So a store with little memory has none.
 */
import RocksDB from 'rocksdb';

const MIB = 1024 * 1024;
/** Of the binding. */
const BLOCK_CACHE_BYTES = 32 * MIB;
const WRITE_BUFFERS = 2;
/** Larger ones are not faster. */
const MAX_WRITE_BUFFER_BYTES = 16 * MIB;
/** Smaller ones make so many files that compaction takes more than the batches. */
const MIN_WRITE_BUFFER_BYTES = 1 * MIB;
/** A store that may take less than this has no block cache. */
const LEAST_WITH_CACHE_BYTES = BLOCK_CACHE_BYTES + WRITE_BUFFERS * 2 * MIB;
export const USUAL_STORE_BYTES = BLOCK_CACHE_BYTES + WRITE_BUFFERS * MAX_WRITE_BUFFER_BYTES;
/** What a store takes at most if it is given nothing. */
export const LEAST_STORE_BYTES = WRITE_BUFFERS * MIN_WRITE_BUFFER_BYTES;
const BLOCK_BYTES = 4 * 1024;
const BLOOM_BITS_PER_KEY = 10;
/** The threads are shared by all partitions of the process; this bounds how many one of them asks for. */
const BACKGROUND_JOBS = 2;

/** @param maxBytes about how much memory the store may take; never less than LEAST_STORE_BYTES */
export function rocksOptions(maxBytes = USUAL_STORE_BYTES): NonNullable<ConstructorParameters<typeof RocksDB>[1]> {
  const { pinningTier, walRecoveryMode } = RocksDB.constants;
  const blockCache = maxBytes >= LEAST_WITH_CACHE_BYTES;
  const writeBufferBytes = Math.floor((maxBytes - (blockCache ? BLOCK_CACHE_BYTES : 0)) / WRITE_BUFFERS);
  return {
    createIfMissing: true,
    maxBackgroundJobs: BACKGROUND_JOBS,
    skipStatsUpdateOnOpen: true,
    // A lost tail of the log, after a power cut, loses whole writes from the end: what is left is a prefix.
    walRecoveryMode: walRecoveryMode.POINT_IN_TIME,
    writeBufferSize: Math.min(MAX_WRITE_BUFFER_BYTES, Math.max(MIN_WRITE_BUFFER_BYTES, writeBufferBytes)),
    maxWriteBufferNumber: WRITE_BUFFERS,
    tableBlockSize: BLOCK_BYTES,
    filterPolicy: new RocksDB.BloomFilterPolicy(BLOOM_BITS_PER_KEY),
    optimizeFiltersForMemory: true,
    blockCache,
    tableCacheIndexAndFilterBlocks: blockCache,
    // Only those of freshly flushed files, which are few and small, are kept for sure.
    unpartitionedPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    topLevelIndexPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    partitionPinningTier: pinningTier.NONE,
  };
}
