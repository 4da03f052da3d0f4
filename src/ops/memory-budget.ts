/**
 * How the memory of one process is divided. The limit is the container's, or the machine's if there is none. V8's heap has
 * its own limit, which is set when Node starts (deploy/Dockerfile); the shares below follow from both.
 *
 * | share | of | holds |
 * | --- | --- | --- |
 * | cache | the heap | rows of companies that stay in memory between batches, over all partitions |
 * | load | the heap | rows that the transactions in progress load and change, over all partitions |
 * | stores | the limit | write buffers and blocks of RocksDB, over all stores, standbys included |
 *
 * The rest of the heap is for records, schemas and all else. The rest of the limit is for fetched and encoded records, which
 * are outside of the heap, and for code and stacks. docs/sizing.md has the sums.
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
/** V8 counts its young generation in: three times the 64 MiB that main.ts starts Node with. */
const YOUNG_BYTES = 3 * 64 * MIB;
/** What a process takes outside of the heap and the stores: code, stacks, fetched and encoded records. */
const OTHER_BYTES = 256 * MIB;

export interface MemoryBudget {
  /** What the process may take in all. */
  readonly limitBytes: number;
  /** What V8's heap may take. */
  readonly heapBytes: number;
  readonly cacheBytes: number;
  readonly loadBytes: number;
  readonly storesBytes: number;
  /** Why the limit may be passed, and what to do; null if it may not. */
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
      : `Node may fill a heap of ${inMiB(heapBytes)} MiB, the stores ${inMiB(storesBytes)} MiB, and the memory limit is ` +
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
