/** Finds what the brokers have left open of the last transaction of an input partition. */
import type { TopicPartition } from '../lib/record.js';
import type { PipelineContext } from './context.js';
import { BrokerError, StaleViewError } from './errors.js';
import type { LogBounds, TransactionalProducer } from './ports.js';

/** A place in a log, or the group's offset of an input partition. */
export type OpenPlace = TopicPartition & {
  /** Where this producer's open transaction begins. */
  readonly from: number | 'offset';
  /** The high watermark of the log; for an offset, that of the changelog. */
  readonly to: number;
  /** As in `LogBounds`; for an offset, as in `PendingOffset`. */
  readonly byMost: boolean;
};

interface Written {
  readonly log: TopicPartition;
  /** Whether no other input partition writes there. */
  readonly isExclusive: boolean;
}

/** The places to which the transactions of an input partition may write. */
export function writtenBy({ topics, partitioner }: PipelineContext, partition: number): Written[] {
  const outbound = [topics.synchronized, topics.deadLetter, topics.stalled, topics.failed].flatMap((topic) => {
    const { partitions, isExclusive } = partitioner.targets(topic, partition);
    return partitions.map((to) => ({ log: { topic, partition: to }, isExclusive }));
  });
  return [{ log: { topic: topics.changelog, partition }, isExclusive: true }, ...outbound];
}

/** Whether a transaction is open in the log. Its last stable offset is below the high watermark only then. */
export function hasOpenTransaction({ end, highWatermark }: Pick<LogBounds, 'end' | 'highWatermark'>): boolean {
  return end < highWatermark;
}

/** Where `leftOpen` looks, and what it assumes if too few brokers answer. */
interface LookOptions {
  readonly places: readonly Written[];
  /** What counts as open in a place where nothing seems to be open, but too few brokers have answered. */
  readonly ifTooFewAnswer: (log: TopicPartition) => OpenPlace[];
}

/**
 * The places in which a transaction of this producer is open, although the producer writes nothing now. The changelog
 * and the offset are part of each transaction, and no other producer writes to them. Other input partitions and other
 * deployments may write to the outbound topics. There, only transactions known to be this producer's own count.
 *
 * @throws StaleViewError if nothing seems to be open in a place, but too few brokers have said who leads there, or its
 *   leader has changed meanwhile
 */
export async function leftOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
  { places, ifTooFewAnswer }: LookOptions = { places: writtenBy(context, partition), ifTooFewAnswer: tooFewAnswerFor },
): Promise<OpenPlace[]> {
  const { topics, inputLogs, changelogLogs } = context;
  const firstOfOurs = async (log: TopicPartition, { end, leaderEpoch }: LogBounds): Promise<number | null> => {
    if (log.topic === topics.changelog) return end;
    const from = await producer.openFrom(log);
    if (typeof from === 'number') return from;
    // A broker that leads no more also answers which transactions are open, but may not have the latest ones.
    const now = await changelogLogs.bounds(log);
    if (now.leaderEpoch === leaderEpoch) return null;
    throw new StaleViewError(
      `the leader of ${log.topic}/${log.partition} has changed while it was asked for open transactions; asking again`,
    );
  };
  const lookAt = async (log: TopicPartition): Promise<OpenPlace[]> => {
    const bounds = await changelogLogs.bounds(log);
    const { highWatermark: to, byMost } = bounds;
    const from = hasOpenTransaction(bounds) ? await firstOfOurs(log, bounds) : null;
    if (from !== null) return [{ ...log, from, to, byMost }];
    return byMost ? [] : ifTooFewAnswer(log);
  };
  const input = { topic: topics.input, partition };
  const lookAtOffset = async (): Promise<OpenPlace[]> => {
    const { isPending, byMost } = await inputLogs.pendingOffset(input);
    if (!isPending) return byMost ? [] : ifTooFewAnswer(input);
    const { highWatermark: to } = await changelogLogs.bounds({ topic: topics.changelog, partition });
    return [{ ...input, from: 'offset', to, byMost }];
  };
  return (await Promise.all([...places.map(({ log }) => lookAt(log)), lookAtOffset()])).flat();
}

/** A broker that is cut off does not show what is open, and the next write would decide its outcome. */
function tooFewAnswerFor({ topic, partition }: TopicPartition): never {
  throw tooFewKnow(`whether a transaction is open in ${topic}/${partition}`);
}

export function tooFewKnow(fact: string): StaleViewError {
  return new StaleViewError(
    `too few brokers answer to know ${fact}: the partition waits until more than half of the brokers answer`,
  );
}

/** Whether only the offset is open, with an unknown outcome: the position check then tells an operator what to do. */
export function isOffsetAlone(open: readonly OpenPlace[], { lastOutcome }: TransactionalProducer): boolean {
  return lastOutcome === null && open.every(({ from }) => from === 'offset');
}

/**
 * Throws if the last transaction of this producer is open anywhere.
 *
 * @throws BrokerError if the owner's last transaction is open in some places: fencing again ends it there
 * @throws StaleViewError while too few brokers answer to know that
 */
export async function mustBeSureNothingIsOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  mustHaveEnded(await leftOpen(context, partition, producer));
}

/**
 * As `mustBeSureNothingIsOpen`, but accepts the leaders' answers if too few brokers have said who leads. An owner calls
 * it if its last commit was long ago and its connections still seem to exist. That happens often. So of the topics that
 * other input partitions write to, it looks only at the partitions to which that commit has written.
 *
 * @throws BrokerError
 */
export async function leadersMustShowNothingOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  const written = writtenBy(context, partition);
  const places = written.filter(({ log, isExclusive }) => isExclusive || producer.lastCommit?.wroteLast(log) === true);
  mustHaveEnded(await leftOpen(context, partition, producer, { places, ifTooFewAnswer: () => [] }));
}

/**
 * Call it before a transaction that will be aborted: if brokers have left a commit open in the changelog, the abort
 * would undo it. One exception: only the offset is open, with an unknown outcome. `fence` leaves this case to the
 * position check, and the position check needs this transaction. So such an offset does not count here.
 *
 * @throws as `mustBeSureNothingIsOpen`
 */
export async function mustBeSureNothingButOffsetIsOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  const open = await leftOpen(context, partition, producer);
  if (!isOffsetAlone(open, producer)) mustHaveEnded(open);
}

function mustHaveEnded(open: readonly OpenPlace[]): void {
  if (open.length > 0) throw new BrokerError(`the last transaction is still open: ${open.map(nameOfOpen).join(', ')}`);
}

export function nameOfOpen({ topic, partition, from }: Pick<OpenPlace, 'topic' | 'partition' | 'from'>): string {
  return from === 'offset'
    ? `the group's offset of ${topic}/${partition}`
    : `${topic}/${partition} from offset ${from} on`;
}
