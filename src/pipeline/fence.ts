/**
 * Fences a partition's former owner, and ensures that no part of its last transaction stays open.
 *
 * Brokers can leave a transaction open in some of its partitions and still count it as ended ("hanging"). When Kafka
 * 4.3.0 to 4.4.0 write the markers, they treat a partition without a leader as a deleted one. Suppose that a broker
 * goes down while a transaction ends, and no other broker has a replica. Then the transaction hangs. A read_committed
 * reader waits at such a transaction, and the next transaction of the same id would decide its outcome. So this file
 * ends the hanging transaction again, in all places that it may have written to. The outcome is the one that the
 * coordinator reported.
 */
import type { TopicPartition } from '../lib/record.js';
import type { PipelineContext } from './context.js';
import { BrokerError, HangingTransactionError, StaleViewError } from './errors.js';
import type { KnownCommit, TransactionalProducer } from './ports.js';

/**
 * Fences the former owner, and ends a transaction that the brokers have left open. @throws HangingTransactionError if
 * it is unknown how to end the open transaction
 * @throws StaleViewError while too few brokers answer to know what is open
 * @throws what the ports throw
 */
export async function fence(context: PipelineContext, partition: number): Promise<TransactionalProducer> {
  const transactionalId = `${context.applicationId}-${context.topics.input}-${partition}`;
  const former = await context.transactions.fence(transactionalId);
  const open = await orDiscard(former, leftOpen(context, partition, former));
  if (open.length === 0) return former;
  const changelog = { topic: context.topics.changelog, partition };
  const ofCommit = open.filter((place) => isOf(former.lastCommit, place, changelog));
  if (ofCommit.length === 0 && isOffsetAlone(open, former)) return former;
  await orDiscard(former, repeatEnd(context, partition, former, { open, ofCommit }));
  await former.discard();

  const producer = await context.transactions.fence(transactionalId); // Returns when the coordinator counts that end as done.
  const still = await orDiscard(producer, leftOpen(context, partition, producer));
  if (still.length === 0) return producer;
  await producer.discard();
  throw hanging(still, adviceOn(still, 'left it open again after its end was repeated'));
}

/** Whether only the offset is open, with an unknown outcome: the position check then tells an operator what to do. */
function isOffsetAlone(open: readonly Open[], { lastOutcome }: TransactionalProducer): boolean {
  return lastOutcome === null && open.every(({ from }) => from === 'offset');
}

/**
 * Whether everything open in a place belongs to a commit that the coordinator has acknowledged to this process. Such a
 * commit stays valid, whatever came later. A later transaction may have failed because the broker that left this one
 * open was gone. Then the last outcome is the abort of that later transaction.
 */
function isOf(commit: KnownCommit | null, { from, to, ...log }: Open, changelog: TopicPartition): boolean {
  const end = commit?.endIn(from === 'offset' ? changelog : log) ?? null;
  if (commit === null || end === null) return false;
  // Every transaction, also of other owners, writes to the changelog. So beyond the commit there is at most its marker.
  return from === 'offset' ? commit.hasLastOffset && to <= end + 1 : from < end && to === end;
}

/**
 * Whether an acknowledged commit may be open in an outbound topic, with later records after it. The later records may
 * come from the last transaction, or from another writer: `events resend`, or another deployment.
 */
function mayBeOf(commit: KnownCommit | null, { from, to, ...log }: Open, { topics }: PipelineContext): boolean {
  const end = commit?.endIn(log) ?? null;
  return end !== null && log.topic !== topics.changelog && from !== 'offset' && from < end && to > end;
}

async function repeatEnd(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
  { open, ofCommit }: { readonly open: readonly Open[]; readonly ofCommit: readonly Open[] },
): Promise<void> {
  const outcome = producer.lastOutcome;
  const unclear = outcome === 'commit' ? [] : open.filter((place) => mayBeOf(producer.lastCommit, place, context));
  if (unclear.length > 0) throw hanging(unclear, adviceOnUnclear(unclear));
  if (outcome !== 'commit' && ofCommit.length > 0) {
    // This can also commit the offset of the last transaction, without its records. The position check finds that, and
    // says what to do.
    const ofLast = open.filter((place) => !ofCommit.includes(place));
    if (ofLast.some(({ from }) => from !== 'offset')) throw hanging(ofLast, adviceOn(ofLast, besides(ofCommit)));
    const logs = ofCommit
      .filter(({ from }) => from !== 'offset')
      .map(({ topic, partition: of }) => ({ topic, partition: of }));
    const shared = await openInShared(context, partition, producer);
    context.observer.leftOpen(partition, 'commit', open.map(nameOf));
    return producer.repeatEnd([...logs, ...shared], 'commit');
  }
  if (outcome === null) throw hanging(open, adviceOn(open, 'no longer know how it ended'));
  context.observer.leftOpen(partition, outcome, open.map(nameOf));
  const written = writtenBy(context, partition).map(({ log }) => log);
  await producer.repeatEnd(written, outcome);
}

/**
 * Finds what an acknowledged commit has left open in topics that other input partitions also write to. `leftOpen` does
 * not look at these topics. If a later transaction was begun in a place, that place is left out, because the later
 * transaction may be the open one.
 */
async function openInShared(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<TopicPartition[]> {
  const shared = writtenBy(context, partition).filter(({ log, alone }) => !alone && producer.lastCommit?.isLastIn(log));
  const open = await Promise.all(shared.map(({ log }) => producer.hasOpenIn(log)));
  return shared.filter((_, i) => open[i] === true).map(({ log }) => log);
}

function besides(ofCommit: readonly Open[]): string {
  return (
    `also left an earlier commit open, which must not be aborted (${ofCommit.map(nameOf).join(', ')}): the partition ends that ` +
    'commit itself later. The last transaction is open in'
  );
}

async function orDiscard<T>(producer: TransactionalProducer, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await producer.discard();
    throw error;
  }
}

/**
 * Throws if the last transaction of this producer is open anywhere. @throws BrokerError if the transaction is open in
 * some places: the next fencing ends it there @throws StaleViewError while too few brokers answer to know whether it is
 * open
 */
export async function mustHaveNothingOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  mustHaveEnded(await leftOpen(context, partition, producer));
}

/**
 * As `mustHaveNothingOpen`, but also accepts the leaders' answers if too few brokers have confirmed these leaders. For
 * an owner whose last commit was long ago, and whose connections still seem to exist.
 *
 * @throws BrokerError
 */
export async function mustSeeNothingOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  mustHaveEnded(await leftOpen(context, partition, producer, () => []));
}

/**
 * Call it before a transaction that will be aborted: if brokers have left a commit open in the changelog, the abort
 * would undo it. An offset that `fence` left to the position check may be pending, because that check needs the
 * transaction.
 *
 * @throws as `mustHaveNothingOpen`
 */
export async function mustHaveNothingButOffsetOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  const open = await leftOpen(context, partition, producer);
  if (!isOffsetAlone(open, producer)) mustHaveEnded(open);
}

function mustHaveEnded(open: readonly Open[]): void {
  if (open.length > 0) throw new BrokerError(`the last transaction is still open: ${open.map(nameOf).join(', ')}`);
}

interface Written {
  readonly log: TopicPartition;
  /** Whether no other input partition writes to this place. */
  readonly alone: boolean;
}

/** The places to which the transactions of an input partition write. */
function writtenBy({ topics, partitioner }: PipelineContext, partition: number): Written[] {
  const outbound = [topics.synchronized, topics.deadLetter, topics.stalled].flatMap((topic) => {
    const { partitions, alone } = partitioner.targets(topic, partition);
    return partitions.map((to) => ({ log: { topic, partition: to }, alone }));
  });
  return [{ log: { topic: topics.changelog, partition }, alone: true }, ...outbound];
}

/** A place in a log, or the group's offset of an input partition. */
type Open = TopicPartition & {
  readonly from: number | 'offset';
  /** The high watermark of the log; for an offset, that of the changelog. */
  readonly to: number;
  /** Whether more than half of the brokers have named the leader of this place. */
  readonly byMost: boolean;
};

/**
 * The places with an open transaction, although this producer writes nothing now. The changelog and the offset are part
 * of each transaction, and no other producer writes to them. Other deployments may write to the outbound topics. There,
 * only transactions known to be this producer's own count. Outbound topics that other input partitions write to are
 * left out, because a transaction is open in them most of the time. @throws StaleViewError if no open place was found,
 * but too few brokers have named the leaders
 */
async function leftOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
  ifNotKnown: (log: TopicPartition) => Open[] = notKnown,
): Promise<Open[]> {
  const { topics, inputLogs, changelogLogs } = context;
  const lookAt = async (log: TopicPartition): Promise<Open[]> => {
    const { end, highWatermark, byMost } = await changelogLogs.bounds(log);
    const isOurs = async () => log.topic === topics.changelog || (await producer.hasOpenIn(log)) === true;
    if (end < highWatermark && (await isOurs())) return [{ ...log, from: end, to: highWatermark, byMost }];
    return byMost ? [] : ifNotKnown(log);
  };
  const input = { topic: topics.input, partition };
  const lookAtOffset = async (): Promise<Open[]> => {
    if (!(await inputLogs.offsetIsPending(input))) return [];
    const { highWatermark: to } = await changelogLogs.bounds({ topic: topics.changelog, partition });
    return [{ ...input, from: 'offset', to, byMost: true }];
  };
  const alone = writtenBy(context, partition).filter((written) => written.alone);
  return (await Promise.all([...alone.map(({ log }) => lookAt(log)), lookAtOffset()])).flat();
}

/** A broker that is cut off does not show what is open, and the next write would decide its outcome. */
function notKnown({ topic, partition }: TopicPartition): never {
  throw new StaleViewError(
    `too few brokers answer to know whether a transaction is open in ${topic}/${partition}: the partition waits until ` +
      'more than half do',
  );
}

function nameOf({ topic, partition, from }: Open): string {
  return from === 'offset'
    ? `the group's offset of ${topic}/${partition}`
    : `${topic}/${partition} from offset ${from} on`;
}

/** An error that asks an operator to act. While too few brokers answer, an error that waits until they do. */
function hanging(open: readonly Open[], advice: string): Error {
  if (open.some(({ byMost }) => !byMost))
    return new StaleViewError(`too few brokers answer to know what is open: ${open.map(nameOf).join(', ')}`);
  return new HangingTransactionError(advice);
}

/** Gives no command: an abort would discard announcements that are committed. */
function adviceOnUnclear(open: readonly Open[]): string {
  return (
    `the brokers have left a transaction open: ${open.map(nameOf).join(', ')}. It may be an acknowledged commit, which ` +
    'must not be aborted, because other producers have written after it. The last transaction may also be open there. Read the ' +
    'records from that offset on with kafka-console-consumer.sh --isolation-level read_uncommitted, and first read "A ' +
    'partition was left with an open transaction" in docs/operations.md'
  );
}

function adviceOn(open: readonly Open[], why: string): string {
  const commands = open.flatMap(({ topic, partition, from }) =>
    from === 'offset' ? [] : [`abort --topic ${topic} --partition ${partition} --start-offset ${from}`],
  );
  return (
    `the brokers have left the last transaction open, and ${why}: ${open.map(nameOf).join(', ')}. The partition ` +
    `continues when it is ended: kafka-transactions.sh --bootstrap-server ... ${commands.join('; ')}. That discards the records ` +
    'that it wrote, so first read "A partition was left with an open transaction" in docs/operations.md'
  );
}
