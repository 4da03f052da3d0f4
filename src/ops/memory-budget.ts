/**
 * Divides the memory of one process. The limit is that of the container, or of the machine if the container has none.
 * V8's heap has its own limit, set when Node starts (deploy/Dockerfile). The shares below follow from both limits.
 *
 * | share | of | holds |
 * | --- | --- | --- |
 * | cache | the heap | rows of companies that stay in memory between batches, over all partitions |
 * | load | the heap | rows that the transactions in progress load and change, over all partitions |
 * | stores | the limit | write buffers and blocks of RocksDB, over all stores, including standbys |
 *
 * The rest of the heap is for records, schemas and everything else. The rest of the limit is for fetched and encoded
 * records, which are outside of the heap, and for code and stacks. docs/sizing.md has the sums.
 */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Logger } from 'pino';

const MIB = 1024 * 1024;
const CACHE_OF_HEAP = 1 / 8;
const MAX_CACHE_BYTES = 128 * MIB;
const LOAD_OF_HEAP = 1 / 5;
const MAX_LOAD_BYTES = 256 * MIB;
const STORES_OF_LIMIT = 1 / 4;
const MAX_STORES_BYTES = 768 * MIB;
/** V8 includes its young generation in the limit: three times the 64 MiB that main.ts sets. */
const YOUNG_BYTES = 3 * 64 * MIB;
/** Memory of a process outside of the heap and the stores: code, stacks, fetched and encoded records. */
const OTHER_BYTES = 256 * MIB;

export interface MemoryBudget {
  /** The memory that the process may use in all. */
  readonly limitBytes: number;
  /** The memory that V8's heap may use. */
  readonly heapBytes: number;
  readonly cacheBytes: number;
  readonly loadBytes: number;
  readonly storesBytes: number;
  /** Why the process may exceed the limit, and what to do; null if it cannot. */
  readonly warning: string | null;
}

/** @param heapBytes V8's limit for the heap */
export function divideMemory(limitBytes: number, heapBytes: number): MemoryBudget {
  const storesBytes = Math.min(MAX_STORES_BYTES, Math.floor(limitBytes * STORES_OF_LIMIT));
  const oldBytes = Math.max(limitBytes / 4, limitBytes - storesBytes - OTHER_BYTES - YOUNG_BYTES);
  const fits = heapBytes + storesBytes + OTHER_BYTES <= limitBytes;
  return {
    limitBytes,
    heapBytes,
    cacheBytes: Math.min(MAX_CACHE_BYTES, Math.floor(heapBytes * CACHE_OF_HEAP)),
    loadBytes: Math.min(MAX_LOAD_BYTES, Math.floor(heapBytes * LOAD_OF_HEAP)),
    storesBytes,
    warning: fits
      ? null
      : `Node may use a heap of ${inMiB(heapBytes)} MiB and the stores ${inMiB(storesBytes)} MiB, but the memory limit is ` +
        `${inMiB(limitBytes)} MiB: start Node with --max-old-space-size=${inMiB(oldBytes)}, or raise the limit`,
  };
}

/** The budget of this process. Logs it, and warns if the limit may be passed. */
export function memoryBudget(logger: Pick<Logger, 'info' | 'warn'>): MemoryBudget {
  const budget = divideMemory(memoryLimit(), getHeapStatistics().heap_size_limit);
  logger.info({ memory: budget }, 'memory divided');
  if (budget.warning !== null) logger.warn(budget.warning);
  return budget;
}

/** The limit of the control group, or the machine's memory: libuv answers 0 or 2^64 if the group has no limit. */
function memoryLimit(): number {
  const ofGroup = process.constrainedMemory();
  return ofGroup > 0 ? Math.min(ofGroup, totalmem()) : totalmem();
}

function inMiB(bytes: number): number {
  return Math.round(bytes / MIB);
}
