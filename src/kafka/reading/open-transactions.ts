/** Finds open transactions. Readers of committed records must wait for the end of each of them. */
import type { Clock } from '../../lib/clock.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import { hasOpenTransaction } from '../../pipeline/left-open.js';
import type { Logs } from '../../pipeline/ports.js';

export interface OpenTransaction extends TopicPartition {
  /** The offset of its first record. It is the last stable offset: readers of committed records stop there. */
  readonly offset: number;
}

/** Partitions to ask about at the same time: a broker answers the requests of one connection in turn. */
const AT_A_TIME = 100;

export interface OpenTransactions {
  readonly open: readonly OpenTransaction[];
  /** For each partition that could not be checked: why. */
  readonly failures: readonly BrokerError[];
}

/** Finds transactions that stay open for `patienceMs`. Takes that time only if a transaction is open now. */
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
    const log = { topic, partition };
    try {
      const bounds = await logs.bounds(log);
      if (!hasOpenTransaction(bounds)) return;
      if (bounds.byMost) open.push({ ...log, offset: bounds.end });
      else
        failures.push(
          new BrokerError(
            `too few brokers answer to know whether a transaction is open in ${topic}/${partition}: try again`,
          ),
        );
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
