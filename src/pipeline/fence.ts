/**
 * Fencing a partition's former owner, with nothing left open of its last transaction.
 *
 * Brokers can leave a transaction open in some of its partitions and count it as ended anyway ("hanging"). Kafka
 * 4.3.0 to 4.4.0 take a partition that has no leader for a deleted one when they write the markers: so it goes with
 * whatever a broker was ending when it went down and no other broker had a replica. Those who read only what is committed
 * wait in front of such a transaction, and the next one of the same id would decide for it. So its end is repeated, as
 * the coordinator had decided it, over all that it may have written.
 */
import type { TopicPartition } from '../lib/record.js';
import type { PipelineContext } from './context.js';
import { BrokerError, HangingTransactionError, StaleViewError } from './errors.js';
import type { KnownCommit, TransactionalProducer } from './ports.js';

/**
 * @throws HangingTransactionError where it is not known how to end what is open; StaleViewError while too few brokers answer
 * to know what is open; what the ports throw
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

  const producer = await context.transactions.fence(transactionalId); // Returns once that end counts as done.
  const still = await orDiscard(producer, leftOpen(context, partition, producer));
  if (still.length === 0) return producer;
  await producer.discard();
  throw hanging(still, 'have done so again when its end was repeated');
}

/** With an outcome that is not known: the check of the positions tells an operator what to do about the offset. */
function isOffsetAlone(open: readonly Open[], { lastOutcome }: TransactionalProducer): boolean {
  return lastOutcome === null && open.every(({ from }) => from === 'offset');
}

/**
 * Whether all that is open in a place belongs to a commit that the coordinator has acknowledged to this process. It does so
 * for good, whatever came later: a later transaction may have failed because the broker was gone that has left this open,
 * and its abort is then the last outcome.
 */
function isOf(commit: KnownCommit | null, { from, to, ...at }: Open, changelog: TopicPartition): boolean {
  const end = commit?.endIn(from === 'offset' ? changelog : at) ?? null;
  if (commit === null || end === null) return false;
  // Each transaction, of other owners too, writes to the changelog: beyond the commit there is its marker at most.
  return from === 'offset' ? commit.hasLastOffset && to <= end + 1 : from < end && to === end;
}

async function repeatEnd(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
  { open, ofCommit }: { readonly open: readonly Open[]; readonly ofCommit: readonly Open[] },
): Promise<void> {
  const outcome = producer.lastOutcome;
  if (outcome !== 'commit' && ofCommit.length > 0) {
    // Of the last transaction, the offset alone may come to count: the check of the positions finds that, with what to do.
    const ofLast = open.filter((place) => !ofCommit.includes(place));
    if (ofLast.some(({ from }) => from !== 'offset')) throw hanging(ofLast, besides(ofCommit));
    const logs = ofCommit
      .filter(({ from }) => from !== 'offset')
      .map(({ topic, partition: of }) => ({ topic, partition: of }));
    const shared = await openInShared(context, partition, producer);
    context.observer.leftOpen(partition, 'commit', open.map(nameOf));
    return producer.repeatEnd([...logs, ...shared], 'commit');
  }
  if (outcome === null) throw hanging(open, 'do not know any more how it ended');
  context.observer.leftOpen(partition, outcome, open.map(nameOf));
  const written = writtenBy(context, partition).map(({ at }) => at);
  await producer.repeatEnd(written, outcome);
}

/**
 * What an acknowledged commit has left open in topics that other input partitions write to: they are not looked at else. A
 * place in which a later transaction was begun is left out, because the later one may be what is open.
 */
async function openInShared(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<TopicPartition[]> {
  const shared = writtenBy(context, partition).filter(({ at, alone }) => !alone && producer.lastCommit?.isLastIn(at));
  const open = await Promise.all(shared.map(({ at }) => producer.hasOpenIn(at)));
  return shared.filter((_, i) => open[i] === true).map(({ at }) => at);
}

function besides(ofCommit: readonly Open[]): string {
  return (
    `a commit before it too, which must not be aborted (${ofCommit.map(nameOf).join(', ')}): the partition ends that by ` +
    'itself afterwards. Of the last one is open'
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
 * @throws BrokerError where the owner's last transaction is open in some places: fencing again ends it there; StaleViewError
 * while too few brokers answer to know that
 */
export async function mustBeWhole(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  mustHaveEnded(await leftOpen(context, partition, producer));
}

/**
 * As `mustBeWhole`, but believes the leaders where too few brokers have said who leads. For an owner whose last commit was
 * long ago, and whose connections seem to be there still.
 * @throws BrokerError
 */
export async function mustLookWhole(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  mustHaveEnded(await leftOpen(context, partition, producer, () => []));
}

/**
 * To be called before a transaction that is meant to be aborted: if brokers have left a commit open in the changelog, the
 * abort would decide for it. An offset that `fence` has left to the check of the positions may be pending: that check
 * needs the transaction.
 *
 * @throws as `mustBeWhole`
 */
export async function mustBeKnownWhole(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<void> {
  const open = await leftOpen(context, partition, producer);
  if (!isOffsetAlone(open, producer)) mustHaveEnded(open);
}

function mustHaveEnded(open: readonly Open[]): void {
  if (open.length > 0) throw new BrokerError(`the last transaction is open still: ${open.map(nameOf).join(', ')}`);
}

interface Written {
  readonly at: TopicPartition;
  /** No other input partition leads there. */
  readonly alone: boolean;
}

/** Where the transactions of an input partition write. */
function writtenBy({ topics, partitioner }: PipelineContext, partition: number): Written[] {
  const outbound = [topics.synchronized, topics.deadLetter, topics.stalled].flatMap((topic) => {
    const { partitions, alone } = partitioner.targets(topic, partition);
    return partitions.map((to) => ({ at: { topic, partition: to }, alone }));
  });
  return [{ at: { topic: topics.changelog, partition }, alone: true }, ...outbound];
}

/** A place in a log, or the group's offset of an input partition. */
type Open = TopicPartition & {
  readonly from: number | 'offset';
  /** High watermark of the log; of an offset, of the changelog. */
  readonly to: number;
  /** More than half of the brokers have said who leads there. */
  readonly byMost: boolean;
};

/**
 * What is open although this producer writes nothing at present. The changelog and the offset are part of each
 * transaction, and nobody else writes to them. Other deployments may write to the outbound topics: only what is known to be
 * this producer's own counts there. Outbound topics that other input partitions write to are left out: something is open
 * in them at most times.
 *
 * @throws StaleViewError if nothing is open as far as is known, and too few brokers have said who leads
 */
async function leftOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
  ifNotKnown: (at: TopicPartition) => Open[] = notKnown,
): Promise<Open[]> {
  const { topics, inputLogs, changelogLogs } = context;
  const lookAt = async (at: TopicPartition): Promise<Open[]> => {
    const { end, highWatermark, byMost } = await changelogLogs.bounds(at);
    const isOurs = async () => at.topic === topics.changelog || (await producer.hasOpenIn(at)) === true;
    if (end < highWatermark && (await isOurs())) return [{ ...at, from: end, to: highWatermark, byMost }];
    return byMost ? [] : ifNotKnown(at);
  };
  const input = { topic: topics.input, partition };
  const lookAtOffset = async (): Promise<Open[]> => {
    if (!(await inputLogs.offsetIsPending(input))) return [];
    const { highWatermark: to } = await changelogLogs.bounds({ topic: topics.changelog, partition });
    return [{ ...input, from: 'offset', to, byMost: true }];
  };
  const alone = writtenBy(context, partition).filter((written) => written.alone);
  return (await Promise.all([...alone.map(({ at }) => lookAt(at)), lookAtOffset()])).flat();
}

/** A broker that is cut off does not show what is open: whatever is written next would decide for it. */
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

/** An error that asks an operator to act; while too few brokers answer, one that waits until they do. */
function hanging(open: readonly Open[], why: string): Error {
  if (open.some(({ byMost }) => !byMost))
    return new StaleViewError(`too few brokers answer to know what is open: ${open.map(nameOf).join(', ')}`);
  return new HangingTransactionError(adviceOn(open, why));
}

function adviceOn(open: readonly Open[], why: string): string {
  const commands = open.flatMap(({ topic, partition, from }) =>
    from === 'offset' ? [] : [`abort --topic ${topic} --partition ${partition} --start-offset ${from}`],
  );
  return (
    `the brokers have left the last transaction open, and ${why}: ${open.map(nameOf).join(', ')}. The partition goes ` +
    `on when it is ended: kafka-transactions.sh --bootstrap-server ... ${commands.join('; ')}. That gives up what it ` +
    'wrote, so first read "A partition was left with an open transaction" in docs/operations.md'
  );
}
