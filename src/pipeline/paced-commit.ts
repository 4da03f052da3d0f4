/**
 * Commits transactions of a size that brokers and disk can handle: the durations of recent transactions decide the
 * size.
 */
import { steadyMs } from '../lib/stopwatch.js';
import type { BatchLimits, BatchSize, Reduction } from './batch-limits.js';
import { commitBatch } from './commit-batch.js';
import type { PipelineContext } from './context.js';
import type { Decisions } from './decisions.js';
import { BrokerError, FencedError, StaleViewError } from './errors.js';
import type { PartitionStatus } from './observer.js';
import type { OwnedPartition } from './take-over.js';

/**
 * Commits as `commitBatch`, and lets the limits learn from the result. Some errors say nothing about the size: errors
 * before the transaction began, and errors of the store, of a record or of an old view of the cluster.
 *
 * @throws as `commitBatch`
 */
export async function commitPaced(
  context: PipelineContext,
  partition: number,
  owned: OwnedPartition,
  limits: BatchLimits,
  { decisions, nextOffset, size }: { decisions: Decisions; nextOffset: number; size: BatchSize },
): Promise<number> {
  const { clock } = context;
  const startedAt = steadyMs(clock);
  let begun = false;
  const tookMs = () => steadyMs(clock) - startedAt + throttledMs(owned);
  try {
    const changes = await commitBatch(context, partition, owned, decisions, nextOffset, () => (begun = true));
    limits.committed(size, tookMs());
    return changes;
  } catch (error) {
    if (begun && mayBeOfSize(error)) limits.failed(size, tookMs());
    throw error;
  }
}

function mayBeOfSize(error: unknown): boolean {
  if (error instanceof StaleViewError) return false;
  return error instanceof FencedError || error instanceof BrokerError;
}

/**
 * How long a partition must wait before it begins a transaction. A transaction that is open during the wait could time
 * out.
 */
export function throttledMs({ producer }: OwnedPartition): number {
  return producer.throttledMs > 0 ? producer.throttledMs : 0;
}

/**
 * How long a partition that is not behind must gather records before its next transaction. Transactions begin at least
 * COMMIT_INTERVAL apart, so the first record after an idle time waits for nothing.
 */
export function gatherMs({ commitIntervalMs }: PipelineContext, { tail }: OwnedPartition): number {
  return tail.sinceBegin === null ? 0 : Math.max(0, commitIntervalMs - tail.sinceBegin.elapsedMs);
}

const REDUCED_BY: Readonly<Record<Reduction['cause'], string>> = { failed: 'failed after', slow: 'took' };

/** The status of a running partition. It says whether its transactions are smaller than usual, and why. */
export function runningWith({ reduction, records }: BatchLimits): PartitionStatus {
  if (reduction === null) return { state: 'running', reason: null };
  const { cause, tookMs } = reduction;
  const seconds = `${(tookMs / 1000).toFixed(1)} s`;
  const why = `one ${REDUCED_BY[cause]} ${seconds}`;
  const reason =
    `transactions have at most ${records} records, because ${why}, throttling by the brokers included: ` +
    'see "Transactions that are too slow" in docs/operations.md';
  return { state: 'running', reason };
}
