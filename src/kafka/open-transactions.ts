/** Transactions that keep a partition's readers of committed records waiting. */
import type { Clock } from '../lib/clock.js';
import type { TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';

export interface OpenTransaction extends TopicPartition {
  /** Of its first record: nobody who reads only what is committed gets beyond. */
  readonly offset: number;
}

/**
 * Those that stay open for `patienceMs`. Where there are none that is known at once, else after that time.
 * @throws BrokerError
 */
export async function openTransactions(
  logs: Pick<Logs, 'bounds' | 'highWatermark'>,
  partitions: readonly TopicPartition[],
  patienceMs: number,
  clock: Clock,
): Promise<OpenTransaction[]> {
  const before = await openNow(logs, partitions);
  if (before.length === 0) return [];
  await clock.delay(patienceMs);
  const after = await openNow(logs, before);
  return after.filter((found) => before.some((known) => isSame(known, found)));
}

/** With the last stable offset, which is where the first of them begins, as `offset`. */
async function openNow(
  logs: Pick<Logs, 'bounds' | 'highWatermark'>,
  partitions: readonly TopicPartition[],
): Promise<OpenTransaction[]> {
  const looked = partitions.map(async ({ topic, partition }) => {
    const at = { topic, partition };
    // In this order: a transaction that is ended in between is not taken for one that is open.
    const highWatermark = await logs.highWatermark(at);
    const { end: offset } = await logs.bounds(at);
    return offset < highWatermark ? [{ ...at, offset }] : [];
  });
  return (await Promise.all(looked)).flat();
}

function isSame(one: OpenTransaction, other: OpenTransaction): boolean {
  return one.topic === other.topic && one.partition === other.partition && one.offset === other.offset;
}
