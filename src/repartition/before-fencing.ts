/**
 * What `repartition` checks before it fences. A fencing makes the coordinator forget how the last transaction ended. So
 * if brokers have left a part of that transaction open, only an instance can end it, and only before that fencing.
 */
import { nameOf } from '../kafka/connection/leader-directory.js';
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import type { TopicPartition } from '../lib/record.js';
import { transactionalIdOf } from '../pipeline/fence.js';
import { hasOpenTransaction } from '../pipeline/left-open.js';
import { boundsByMost } from '../pipeline/partition-view.js';
import type { LogBounds, Logs } from '../pipeline/ports.js';
import type { CheckingPorts } from './ports.js';

/** The repartitioning cannot be done now. The message says why, and what to do. */
export class RepartitionRefusedError extends Error {
  override readonly name = 'RepartitionRefusedError';
}

/** @throws RepartitionRefusedError if the topic does not exist */
export async function countOf({ admin }: Pick<CheckingPorts, 'admin'>, topic: string): Promise<number> {
  const count = await admin.countPartitions(topic);
  if (count === null)
    throw new RepartitionRefusedError(`topic ${topic} does not exist: create it with \`company-sync topics create\``);
  return count;
}

/** @throws RepartitionRefusedError while too few brokers answer: a broker that is cut off would give an old end */
export function boundsOrRefusal(logs: Logs, partition: TopicPartition): Promise<LogBounds> {
  return boundsByMost(logs, partition, (name) => tooFewAnswer(`who leads ${name}`));
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
    const bounds = await boundsOrRefusal(logs, log);
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
    if (hasOpenTransaction(await boundsOrRefusal(ports.logs, { topic, partition }))) open.push({ topic, partition });
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
 * @returns where each partition ends
 * @throws RepartitionRefusedError
 */
export async function mustBeConsumed({ logs, input: topic }: CheckingPorts, count: number): Promise<number[]> {
  const ends: number[] = [];
  for (let partition = 0; partition < count; partition++) {
    const bounds = await boundsOrRefusal(logs, { topic, partition });
    const { start, end } = bounds;
    if (hasOpenTransaction(bounds))
      throw new RepartitionRefusedError(
        `partition ${topic}/${partition} has a transaction open from offset ${end} on, and later records cannot be consumed ` +
          'before it ends. If it does not end, `company-sync doctor` says what to do',
      );
    const position = (await logs.committedOffset({ topic, partition }))?.offset ?? start;
    ends.push(end);
    if (position === end) continue;
    throw new RepartitionRefusedError(
      `partition ${topic}/${partition} is consumed up to ${position} and ends at ${end}: ${consumeTheRest(topic)}. If the ` +
        `input has already grown, it is too late for that: ${BEGIN_AGAIN}`,
    );
  }
  return ends;
}

/** What to do about records that are not consumed, before the input grows. */
export function consumeTheRest(input: string): string {
  return `stop all writers of ${input}, let the processor consume the rest, stop the processor, and only then repartition`;
}

/**
 * Where each partition of the changelog ends, before and after all rows are read. If a value differs, somebody has
 * written meanwhile.
 *
 * @throws RepartitionRefusedError while a transaction is open: its rows would not be read
 */
export async function changelogEnds({ logs, changelog: topic }: CheckingPorts, count: number): Promise<number[]> {
  const ends: number[] = [];
  for (let partition = 0; partition < count; partition++) {
    const bounds = await boundsOrRefusal(logs, { topic, partition });
    if (hasOpenTransaction(bounds)) throw isOpen({ topic, partition }, bounds.end);
    ends.push(bounds.end);
  }
  return ends;
}

const START_AN_INSTANCE =
  'start an instance: it ends the transaction. Then stop the instance, and run `company-sync repartition` again';

function isOpen({ topic, partition }: TopicPartition, from: number): RepartitionRefusedError {
  return new RepartitionRefusedError(
    `partition ${topic}/${partition} has a transaction open from offset ${from} on: ${START_AN_INSTANCE}`,
  );
}

export function tooFewAnswer(fact: string): RepartitionRefusedError {
  return new RepartitionRefusedError(`too few brokers answer to know ${fact}: try again later`);
}
