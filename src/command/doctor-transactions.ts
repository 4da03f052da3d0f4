/** The check of `doctor` for transactions that stay open. */
import type { TopicNames } from '../config.js';
import { openTransactions } from '../kafka/reading/open-transactions.js';
import type { Clock } from '../lib/clock.js';
import type { Logs } from '../pipeline/ports.js';
import { decodeRepartitionMark, finishRepartition, type RepartitionMark } from '../pipeline/repartition-mark.js';
import { failed, ok, warning, type Found } from './finding.js';

/** A transaction that is open longer counts as a fault. Those of the processor take milliseconds. */
const OPEN_TRANSACTION_WAIT_MS = 3_000;

interface ReadConfig {
  readonly topics: TopicNames;
  readonly kafka: { readonly brokers: readonly string[] };
}

/**
 * Readers do not get the records after an open transaction: we wait in the input, and other readers wait in the topics
 * that we write.
 */
export async function* examineTransactions(
  config: ReadConfig,
  counts: Readonly<Record<keyof TopicNames, number>>,
  logs: Pick<Logs, 'bounds' | 'committedOffset'>,
  clock: Clock,
): Found {
  const check = 'transactions';
  const partitions = Object.entries(counts).flatMap(([role, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic: config.topics[role as keyof TopicNames], partition })),
  );
  const { open, failures } = await openTransactions(logs, partitions, OPEN_TRANSACTION_WAIT_MS, clock);
  const readTopics = new Set([config.topics.syncEvents, config.topics.clientSettings]);
  const tool = `kafka-transactions.sh --bootstrap-server ${config.kafka.brokers.join(',')}`;
  for (const { topic, partition, offset } of open) {
    const mark = topic === config.topics.companyState ? await markOf(config, logs, partition) : null;
    if (mark !== null) {
      yield warning(
        check,
        `${topic}/${partition}: a transaction is open from offset ${offset} on. It may move rows, so do not abort it: ` +
          finishRepartition(mark),
      );
      continue;
    }
    const where = `--topic ${topic} --partition ${partition}`;
    yield warning(
      check,
      `${topic}/${partition}: a transaction has been open from offset ${offset} on for ${OPEN_TRANSACTION_WAIT_MS / 1000} s ` +
        `or more, and readers of committed records wait behind it. To see its owner, run ${tool} describe-producers ` +
        `${where}. The transaction ends at its time-out, at most transaction.max.timeout.ms (15 minutes by default)` +
        `${readTopics.has(topic) ? '' : ', or with its decided outcome when you restart the instance that runs its partition'}. ` +
        `If it is older than that, run ${tool} abort ${where} --start-offset ${offset}`,
    );
  }
  for (const { message } of failures) yield failed(check, message);
  if (open.length === 0 && failures.length === 0) yield ok(check, 'no open transaction keeps readers waiting');
}

async function markOf(
  { topics }: ReadConfig,
  logs: Pick<Logs, 'committedOffset'>,
  partition: number,
): Promise<RepartitionMark | null> {
  const committed = await logs.committedOffset({ topic: topics.syncEvents, partition });
  return decodeRepartitionMark(committed?.offset ?? null);
}
