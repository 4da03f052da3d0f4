/**
 * What `repartition` checks before it fences. A fencing makes the coordinator forget how the last transaction ended. So
 * if brokers have left a part of that transaction open, only an instance can end it, and only before that fencing.
 */
import { nameOf } from '../kafka/connection/leader-directory.js';
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import type { TopicAdmin } from '../kafka/topics/topic-admin.js';
import type { UnfencedTransactions } from '../kafka/transactions/unfenced-transactions.js';
import type { TopicPartition } from '../lib/record.js';
import { transactionalIdOf } from '../pipeline/fence.js';
import { hasOpenTransaction } from '../pipeline/left-open.js';
import type { LogBounds, Logs } from '../pipeline/ports.js';

/** The repartitioning cannot be done now. The message says why, and what to do. */
export class RepartitionRefusedError extends Error {
  override readonly name = 'RepartitionRefusedError';
}

export interface CheckingPorts {
  readonly applicationId: string;
  readonly input: string;
  readonly changelog: string;
  /** The other topics to which the transactions of the deployment write. */
  readonly outbound: readonly string[];
  readonly logs: Logs;
  /** Asks about transactions. Fences nothing. */
  readonly unfenced: Pick<UnfencedTransactions, 'producersOf' | 'openFrom'>;
  readonly admin: Pick<TopicAdmin, 'countPartitions'>;
}

/** @throws RepartitionRefusedError if the topic does not exist */
export async function countOf({ admin }: Pick<CheckingPorts, 'admin'>, topic: string): Promise<number> {
  const count = await admin.countPartitions(topic);
  if (count === null)
    throw new RepartitionRefusedError(`topic ${topic} does not exist: create it with \`company-sync topics create\``);
  return count;
}

/** @throws RepartitionRefusedError while too few brokers answer: a broker that is cut off would give an old end */
export async function boundsByMost(logs: Logs, partition: TopicPartition): Promise<LogBounds> {
  const bounds = await logs.bounds(partition);
  if (bounds.byMost) return bounds;
  throw tooFewAnswer(`who leads ${nameOf(partition)}`);
}

/**
 * Looks at all places that a take-over looks at (pipeline/left-open.ts), for the input partitions 0 to `count - 1`. In
 * the outbound topics, other deployments may have transactions open too.
 *
 * @throws RepartitionRefusedError if a transaction of the deployment is open, or while too few brokers answer
 */
export async function mustHaveNothingOpen(ports: CheckingPorts, count: number): Promise<void> {
  const { logs, input, changelog, outbound } = ports;
  const ids = Array.from({ length: count }, (_, partition) => transactionalIdOf(ports, partition));
  for (const partition of ids.keys()) {
    const log = { topic: changelog, partition };
    const bounds = await boundsByMost(logs, log);
    if (hasOpenTransaction(bounds)) throw isOpen(log, bounds.end);
    await mustHaveNoPendingOffset(logs, { topic: input, partition });
  }
  const open: TopicPartition[] = [];
  for (const topic of outbound) open.push(...(await openLogsOf(ports, topic)));
  if (open.length > 0) await mustHaveNoneOfOurs(ports, open, ids);
}

async function mustHaveNoPendingOffset(logs: Logs, partition: TopicPartition): Promise<void> {
  const { isPending, byMost } = await logs.pendingOffset(partition);
  if (isPending)
    throw new RepartitionRefusedError(
      `the group's offset of ${nameOf(partition)} is part of an open transaction: ${START_AN_INSTANCE}`,
    );
  if (!byMost) throw tooFewAnswer("who coordinates the group's offsets");
}

/** The partitions of the topic in which anybody has a transaction open. */
async function openLogsOf(ports: CheckingPorts, topic: string): Promise<TopicPartition[]> {
  const open: TopicPartition[] = [];
  for (const partition of Array(await countOf(ports, topic)).keys())
    if (hasOpenTransaction(await boundsByMost(ports.logs, { topic, partition }))) open.push({ topic, partition });
  return open;
}

async function mustHaveNoneOfOurs(
  { unfenced }: CheckingPorts,
  open: readonly TopicPartition[],
  ids: readonly string[],
): Promise<void> {
  const ours = await unfenced.producersOf(ids);
  for (const log of open) {
    const from = await unfenced.openFrom(ours, log);
    if (typeof from === 'number') throw isOpen(log, from);
  }
}

/**
 * After the move, records that were not consumed before would be read by a partition with the state of other companies.
 *
 * @throws RepartitionRefusedError
 */
export async function mustBeConsumed({ logs, input: topic }: CheckingPorts, count: number): Promise<void> {
  for (let partition = 0; partition < count; partition++) {
    const bounds = await boundsByMost(logs, { topic, partition });
    const { start, end } = bounds;
    if (hasOpenTransaction(bounds))
      throw new RepartitionRefusedError(
        `partition ${topic}/${partition} has a transaction open from offset ${end} on, and later records cannot be consumed ` +
          'before it ends. If it does not end, `company-sync doctor` says what to do',
      );
    const position = (await logs.committedOffset({ topic, partition }))?.offset ?? start;
    if (position === end) continue;
    throw new RepartitionRefusedError(
      `partition ${topic}/${partition} is consumed up to ${position} and ends at ${end}: stop all writers of ${topic}, ` +
        `let the processor consume the rest, stop the processor, and only then repartition. If the input has already grown, ` +
        `it is too late for that: ${BEGIN_AGAIN}`,
    );
  }
}

const START_AN_INSTANCE = 'start an instance, which ends the transaction, and stop the instance again';

function isOpen({ topic, partition }: TopicPartition, from: number): RepartitionRefusedError {
  return new RepartitionRefusedError(
    `partition ${topic}/${partition} has a transaction open from offset ${from} on: ${START_AN_INSTANCE}`,
  );
}

function tooFewAnswer(fact: string): RepartitionRefusedError {
  return new RepartitionRefusedError(`too few brokers answer to know ${fact}: try again later`);
}
