/** Transactions that keep a partition's readers of committed records waiting. */
import type { Clock } from '../../lib/clock.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import { hasOpenTransaction } from '../../pipeline/partition-view.js';
import type { Logs } from '../../pipeline/ports.js';

export interface OpenTransaction extends TopicPartition {
  /** Of its first record, which is the last stable offset: who reads only what is committed gets no further. */
  readonly offset: number;
}

/** Partitions looked at at a time: a broker answers one request of a connection after the other. */
const AT_A_TIME = 100;

export interface OpenTransactions {
  readonly open: readonly OpenTransaction[];
  /** Why some partitions could not be looked at. */
  readonly failures: readonly BrokerError[];
}

/** Those that stay open for `patienceMs`. Where there are none that is known at once, else after that time. */
export async function openTransactions(
  logs: Pick<Logs, 'bounds'>,
  partitions: readonly TopicPartition[],
  patienceMs: number,
  clock: Clock,
): Promise<OpenTransactions> {
  const before = await openNow(logs, partitions);
  if (before.open.length === 0) return before;
  await clock.delay(patienceMs);
  const after = await openNow(logs, before.open);
  const open = after.open.filter((found) => before.open.some((known) => isSame(known, found)));
  return { open, failures: [...before.failures, ...after.failures] };
}

async function openNow(logs: Pick<Logs, 'bounds'>, partitions: readonly TopicPartition[]): Promise<OpenTransactions> {
  const open: OpenTransaction[] = [];
  const failures: BrokerError[] = [];
  const look = async ({ topic, partition }: TopicPartition): Promise<void> => {
    const at = { topic, partition };
    try {
      const bounds = await logs.bounds(at);
      if (!hasOpenTransaction(bounds)) return;
      if (bounds.byMost) open.push({ ...at, offset: bounds.end });
      else failures.push(new BrokerError(`too few brokers answer to know what is open in ${topic}/${partition}`));
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      failures.push(error);
    }
  };
  for (let from = 0; from < partitions.length; from += AT_A_TIME)
    await Promise.all(partitions.slice(from, from + AT_A_TIME).map(look));
  return { open, failures };
}

function isSame(one: OpenTransaction, other: OpenTransaction): boolean {
  return one.topic === other.topic && one.partition === other.partition && one.offset === other.offset;
}
