/**
 * How a partition's RocksDB is tuned: rows of tens of bytes, read by point lookups of which many find nothing, and 12 to
 * 64 partitions in one process.
 *
 * Memory for each partition: two write buffers, and RocksDB's default block cache of 32 MiB (the binding cannot set its
 * size), which index and filter blocks live in too, so that it stays the bound however many companies there are. So at
 * most 64 MiB a partition; an idle one has a fraction of that.
 */
import RocksDB from 'rocksdb';

const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
const WRITE_BUFFERS = 2;
const BLOCK_BYTES = 4 * 1024;
const BLOOM_BITS_PER_KEY = 10;
/** The threads are shared by all partitions of the process; this bounds how many one of them asks for. */
const BACKGROUND_JOBS = 2;

export function rocksOptions(): NonNullable<ConstructorParameters<typeof RocksDB>[1]> {
  const { pinningTier, walRecoveryMode } = RocksDB.constants;
  return {
    createIfMissing: true,
    maxBackgroundJobs: BACKGROUND_JOBS,
    skipStatsUpdateOnOpen: true,
    // A lost tail of the log, after a power cut, loses whole writes from the end: what is left is a prefix.
    walRecoveryMode: walRecoveryMode.POINT_IN_TIME,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxWriteBufferNumber: WRITE_BUFFERS,
    tableBlockSize: BLOCK_BYTES,
    filterPolicy: new RocksDB.BloomFilterPolicy(BLOOM_BITS_PER_KEY),
    optimizeFiltersForMemory: true,
    tableCacheIndexAndFilterBlocks: true,
    // Only those of freshly flushed files, which are few and small, are kept for sure.
    unpartitionedPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    topLevelIndexPinningTier: pinningTier.FLUSHED_AND_SIMILAR,
    partitionPinningTier: pinningTier.NONE,
  };
}
