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
import { HangingTransactionError, InconsistentPositionError } from './errors.js';
import { isOffsetAlone, leftOpen, nameOfOpen, tooFewKnow, writtenBy, type OpenPlace } from './left-open.js';
import type { KnownCommit, TransactionalProducer, TransactionOutcome } from './ports.js';
import { decodeRepartitionMark, finishRepartition } from './repartition-mark.js';

/** The transactional id of an input partition. All instances of an application use the same one. */
export function transactionalIdOf(
  { applicationId, input }: { readonly applicationId: string; readonly input: string },
  partition: number,
): string {
  return `${applicationId}-${input}-${partition}`;
}

/**
 * Fences the former owner, and ends a transaction that the brokers have left open.
 *
 * @throws InconsistentPositionError if the partition is marked by a repartitioning, whose moves must not be fenced
 * @throws HangingTransactionError if it is unknown how to end the open transaction
 * @throws StaleViewError while too few brokers answer to know what is open
 * @throws what the ports throw
 */
export async function fence(context: PipelineContext, partition: number): Promise<TransactionalProducer> {
  const { applicationId, topics } = context;
  const transactionalId = transactionalIdOf({ applicationId, input: topics.input }, partition);
  await mustNotBeMarked(context, partition);
  const former = await context.transactions.fence(transactionalId);
  const repeated = await orDiscard(former, endWhatIsOpen(context, partition, former));
  if (repeated === null) return former;
  await former.discard();

  const producer = await context.transactions.fence(transactionalId); // Returns when the coordinator counts that end as done.
  const still = await orDiscard(producer, openByMost(context, partition, producer));
  if (still.length === 0) return producer;
  await producer.discard();
  throw new HangingTransactionError(
    repeated === 'commit'
      ? textOfOpenCommit(still)
      : adviceOn(context, still, 'left it open again after its end was repeated'),
  );
}

/**
 * While `repartition` moves rows, its transactions are open in the changelog. They are not left open, and nobody may end
 * them.
 *
 * @throws InconsistentPositionError if the partition is marked
 * @throws StaleViewError if the mark may be an old one: too few brokers have named the coordinator
 */
async function mustNotBeMarked({ topics, inputLogs }: PipelineContext, partition: number): Promise<void> {
  const input = { topic: topics.input, partition };
  const mark = decodeRepartitionMark((await inputLogs.committedOffset(input))?.offset ?? null);
  if (mark === null) return;
  const { byMost } = await inputLogs.pendingOffset(input);
  if (!byMost) throw tooFewKnow(`whether a repartitioning has finished for ${topics.input}/${partition}`);
  throw new InconsistentPositionError(
    `partition ${topics.input}/${partition} is stopped (repartition mark): stop all instances, and ${finishRepartition(mark)}`,
  );
}

/** Ends what is open. @returns how; null if nothing was open */
async function endWhatIsOpen(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<TransactionOutcome | null> {
  const open = await openByMost(context, partition, producer);
  if (open.length === 0) return null;
  await mustNotBeMarked(context, partition); // The first answer may have been that of a broker that was cut off.
  const changelog = { topic: context.topics.changelog, partition };
  const ofCommit = open.filter((place) => belongsToCommit(producer.lastCommit, place, changelog));
  if (ofCommit.length === 0 && isOffsetAlone(open, producer)) return null;
  const { places, outcome } = howToEnd(context, partition, producer, { open, ofCommit });
  context.observer.leftOpen(partition, outcome, open.map(nameOfOpen));
  await producer.repeatEnd(places, outcome);
  return outcome;
}

/**
 * What is open. @throws StaleViewError while too few brokers answer for one of the places: part of one transaction
 * could look like another transaction
 */
async function openByMost(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<OpenPlace[]> {
  const open = await leftOpen(context, partition, producer);
  if (open.some(({ byMost }) => !byMost)) throw tooFewKnow(`what is open (${open.map(nameOfOpen).join(', ')})`);
  return open;
}

/**
 * Whether everything open in a place belongs to a commit that the coordinator has acknowledged to this process. Such a
 * commit stays valid, whatever came later. A later transaction may have failed because the broker that left this one
 * open was gone. Then the last outcome is the abort of that later transaction.
 */
function belongsToCommit(
  commit: KnownCommit | null,
  { from, to, ...log }: OpenPlace,
  changelog: TopicPartition,
): boolean {
  const end = commit?.endIn(from === 'offset' ? changelog : log) ?? null;
  if (commit === null || end === null) return false;
  // Every transaction, also of other owners, writes to the changelog. So beyond the commit there is at most its marker.
  if (from === 'offset') return commit.hasLastOffset && to <= end + 1;
  // Others may have written after it in an outbound topic. Those records are not of this transactional id.
  const isAlone = to === end || (log.topic !== changelog.topic && commit.isLastIn(log));
  return from < end && isAlone;
}

/**
 * Whether an acknowledged commit may be open in an outbound topic, with later records after it. The later records may
 * come from a later transaction, or from another writer: another input partition, `events resend`, or another
 * deployment.
 */
function mayBelongToCommit(
  commit: KnownCommit | null,
  { from, to, ...log }: OpenPlace,
  { topics }: PipelineContext,
): boolean {
  const end = commit?.endIn(log) ?? null;
  return end !== null && log.topic !== topics.changelog && from !== 'offset' && from < end && to > end;
}

/**
 * Whether the brokers have lost the end of an acknowledged commit that is open in the changelog. The position row is the
 * last one, so a commit would show rows that no position belongs to.
 */
function hasLostItsEnd(
  commit: KnownCommit | null,
  { from, to, ...log }: OpenPlace,
  { topics }: PipelineContext,
): boolean {
  const end = commit?.endIn(log) ?? null;
  return end !== null && log.topic === topics.changelog && from !== 'offset' && to < end;
}

interface End {
  readonly places: readonly TopicPartition[];
  readonly outcome: TransactionOutcome;
}

/**
 * The places and the one outcome with which to end the open transaction. One transaction ends all places. Two would not
 * be safe: if the process died between them, the next owner would know only the outcome of the first.
 *
 * @throws HangingTransactionError
 */
function howToEnd(
  context: PipelineContext,
  partition: number,
  { lastOutcome, lastCommit }: TransactionalProducer,
  { open, ofCommit }: { readonly open: readonly OpenPlace[]; readonly ofCommit: readonly OpenPlace[] },
): End {
  const written = writtenBy(context, partition).map(({ log }) => log);
  if (lastOutcome === 'commit') {
    const cut = open.filter((place) => hasLostItsEnd(lastCommit, place, context));
    if (cut.length > 0) throw new HangingTransactionError(adviceOn(context, cut, LOST_ITS_END));
    return { places: written, outcome: 'commit' };
  }
  const ofLast = open.filter((place) => !ofCommit.includes(place));
  const unclear = ofLast.filter((place) => mayBelongToCommit(lastCommit, place, context));
  if (unclear.length > 0) throw new HangingTransactionError(adviceOnUnclear(context, unclear));
  if (ofCommit.length > 0) {
    // This can also commit the offset of the last transaction, without its records. The position check finds that, and
    // says what to do.
    if (logsIn(ofLast).length > 0)
      throw new HangingTransactionError(adviceOn(context, ofLast, reasonForOpenCommit(ofCommit)));
    return { places: logsIn(ofCommit), outcome: 'commit' };
  }
  if (lastOutcome === null) throw new HangingTransactionError(adviceOn(context, open, 'no longer know how it ended'));
  // If no later transaction was begun in a place, at most an acknowledged commit is open there.
  return { places: written.filter((log) => lastCommit?.isLastIn(log) !== true), outcome: 'abort' };
}

const LOST_ITS_END = 'have lost its last rows in the changelog, so it must not be committed there';

function logsIn(open: readonly OpenPlace[]): TopicPartition[] {
  return open.filter(({ from }) => from !== 'offset').map(({ topic, partition }) => ({ topic, partition }));
}

function reasonForOpenCommit(ofCommit: readonly OpenPlace[]): string {
  return (
    `also left an earlier commit open, which must not be aborted (${ofCommit.map(nameOfOpen).join(', ')}): the partition ends that ` +
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

/** Gives no abort: it would discard announcements that are committed. */
function adviceOnUnclear({ kafkaCommand }: PipelineContext, open: readonly OpenPlace[]): string {
  const commands = open.map(({ topic, partition, from }) =>
    kafkaCommand(
      'kafka-console-consumer.sh',
      `--topic ${topic} --partition ${partition} --offset ${from} --isolation-level read_uncommitted`,
    ),
  );
  return (
    `the brokers have left a transaction open: ${open.map(nameOfOpen).join(', ')}. It may be an acknowledged commit, which ` +
    'must not be aborted, because other producers have written after it. The last transaction may also be open there. First ' +
    `read "A partition was left with an open transaction" in docs/operations.md. Then read the records from that offset on: ` +
    commands.join(' && ')
  );
}

/** No command: an abort would discard records of a commit that the coordinator has acknowledged. */
function textOfOpenCommit(open: readonly OpenPlace[]): string {
  return (
    `the brokers have left an acknowledged commit open, also after it was repeated: ${open.map(nameOfOpen).join(', ')}. ` +
    'Do not abort it, because that discards acknowledged records. The partition repeats the commit until the brokers that ' +
    'lead these partitions write its end: look at their logs'
  );
}

/** One complete command for each place, in one line, because messages have no line breaks. */
function adviceOn({ kafkaCommand }: PipelineContext, open: readonly OpenPlace[], why: string): string {
  const commands = open.flatMap(({ topic, partition, from }) =>
    from === 'offset'
      ? []
      : [
          kafkaCommand(
            'kafka-transactions.sh',
            `abort --topic ${topic} --partition ${partition} --start-offset ${from}`,
          ),
        ],
  );
  const then = commands.length === 0 ? '' : `. Then run: ${commands.join(' && ')}`;
  return (
    `the brokers have left the last transaction open, and ${why}: ${open.map(nameOfOpen).join(', ')}. The partition ` +
    'continues when an operator has aborted that transaction in each place. An abort discards the records of the ' +
    `transaction, so first read "A partition was left with an open transaction" in docs/operations.md${then}`
  );
}
