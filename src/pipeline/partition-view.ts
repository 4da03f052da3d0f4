/**
 * The facts that a take-over has about the changelog, the input and the group's offset, after the former owner is
 * fenced.
 *
 *     readView  asks the leaders and the coordinator that several brokers have named. This is enough if all answers
 *               agree: the first transaction proves them (changelog-tail.ts)
 *     prove     writes to the changelog and to the group's offset, in a transaction that is aborted. Only the true
 *               leader and the true coordinator acknowledge that. This is needed if answers contradict each other or
 *               the folder, before a folder is set aside or an operator is asked to act
 */
import type { PipelineContext } from './context.js';
import { StaleViewError } from './errors.js';
import { fence } from './fence.js';
import { mustBeSureNothingButOffsetIsOpen } from './left-open.js';
import type { TopicPartition } from '../lib/record.js';
import type { CommittedOffset, LogBounds, Logs, TransactionalProducer } from './ports.js';

export interface PartitionView {
  readonly committed: number | null;
  /** The leader epoch that was committed with it; -1 if none was. */
  readonly committedIn: number;
  /** As in `Positions`. */
  readonly inputLostFrom: number | null;
  readonly input: LogBounds;
  readonly changelog: LogBounds;
  readonly proved: boolean;
  /** When the brokers were asked, milliseconds since the epoch. */
  readonly askedAt: number;
}

/** Offsets of the proving transaction: its record, and the marker that aborts it. */
const PROOF_OFFSETS = 2;

/** @throws BrokerError */
export async function readView(context: PipelineContext, partition: number): Promise<PartitionView> {
  const { topics, inputLogs, changelogLogs, clock } = context;
  const inputAt = { topic: topics.input, partition };
  const askedAt = clock.now();
  const [committed, input, changelog] = await Promise.all([
    inputLogs.committedOffset(inputAt),
    inputLogs.bounds(inputAt),
    changelogLogs.bounds({ topic: topics.changelog, partition }),
  ]);
  return {
    ...(await committedAndLoss(inputLogs, inputAt, committed, input)),
    input,
    changelog,
    proved: false,
    askedAt,
  };
}

/** The group's offset, and whether the input has lost records below it. @throws BrokerError */
async function committedAndLoss(
  logs: PipelineContext['inputLogs'],
  log: TopicPartition,
  committed: CommittedOffset | null,
  input: LogBounds,
): Promise<Pick<PartitionView, 'committed' | 'committedIn' | 'inputLostFrom'>> {
  const { offset = null, leaderEpoch: committedIn = -1 } = committed ?? {};
  return { committed: offset, committedIn, inputLostFrom: await lostFrom(logs, log, committed, input) };
}

/**
 * The first offset of the input that was consumed and is lost; null if no loss is known. Asks only if the leader epoch
 * has changed. If the leader does not know the epoch, no loss is known: in a cluster restored from a copy, epochs begin
 * again at lower numbers.
 *
 * @throws BrokerError
 */
export async function lostFrom(
  logs: Pick<Logs, 'endOfEpoch'>,
  log: TopicPartition,
  committed: CommittedOffset | null,
  { leaderEpoch }: LogBounds,
): Promise<number | null> {
  if (committed === null || committed.leaderEpoch < 0 || committed.leaderEpoch === leaderEpoch) return null;
  const end = await logs.endOfEpoch(log, committed.leaderEpoch);
  return end !== null && end >= 0 && end < committed.offset ? end : null;
}

/** A view that a write has proved, and the producer fenced after it. No other producer wrote in between. */
export interface ProvedView {
  readonly view: PartitionView;
  readonly producer: TransactionalProducer;
}

/**
 * Proves the view by a write.
 *
 * @param producer is discarded. Fencing again aborts the proving transaction; the epoch shows that it existed
 * @throws StaleViewError while it cannot be proved; what fencing throws
 */
export async function prove(
  context: PipelineContext,
  partition: number,
  producer: TransactionalProducer,
): Promise<ProvedView> {
  const { topics } = context;
  const inputAt = { topic: topics.input, partition };
  await mustBeSureNothingButOffsetIsOpen(context, partition, producer);
  const proof = await producer.prove({ topic: topics.changelog, partition }, inputAt);
  context.known.noteProof(partition, proof.changelogEnd);
  await producer.discard();
  const next = await fence(context, partition);
  try {
    const looked = await readView(context, partition);
    mustBeKnownToMost(`${topics.input}/${partition}`, looked.input);
    mustBeKnownToMost(`${topics.changelog}/${partition}`, looked.changelog);
    const { end } = looked.changelog;
    if (end < proof.changelogEnd + PROOF_OFFSETS)
      throw new StaleViewError(
        `a broker reported that ${topics.changelog}/${partition} ends at offset ${end}, but a record was written there at offset ${proof.changelogEnd}`,
      );
    // The proved offset is older than the records written since. Compared with them, the offset would look like a loss.
    if (end > proof.changelogEnd + PROOF_OFFSETS) throw overtaken(`${topics.changelog}/${partition}`, end);
    const position = await committedAndLoss(context.inputLogs, inputAt, proof.committed, looked.input);
    return { producer: next, view: { ...looked, ...position, proved: true } };
  } catch (error) {
    await next.discard();
    throw error;
  }
}

/** Only an owner that has fenced this one writes to its changelog. The group says which instance owns the partition. */
export function overtaken(changelog: string, end: number): StaleViewError {
  return new StaleViewError(
    `another owner has written to ${changelog} up to offset ${end} during the take-over: this instance takes the partition over ` +
      'again when the group has confirmed that the partition is assigned to it',
  );
}

/** @throws StaleViewError while the answer may come from a broker that is cut off */
export function mustBeKnownToMost(log: string, { byMost }: Pick<LogBounds, 'byMost'>): void {
  if (!byMost) throw tooFewAnswer(log);
}

function tooFewAnswer(log: string): StaleViewError {
  return new StaleViewError(`too few brokers answer to know who leads ${log}; waiting until more than half do`);
}

/**
 * The group's offset, for a caller that fences nothing. An answer without this check may be an old one in two cases: a
 * transaction holds a later offset, or the coordinator is cut off from the other brokers.
 *
 * @throws StaleViewError in both cases; BrokerError
 */
export async function settledOffset(
  logs: Pick<Logs, 'committedOffset' | 'pendingOffset'>,
  input: TopicPartition,
): Promise<CommittedOffset | null> {
  await mustBeSettled(logs, input);
  const committed = await logs.committedOffset(input);
  await mustBeSettled(logs, input); // Another broker may have answered.
  return committed;
}

async function mustBeSettled(logs: Pick<Logs, 'pendingOffset'>, input: TopicPartition): Promise<void> {
  const { isPending, byMost } = await logs.pendingOffset(input);
  const name = `the group's offset of ${input.topic}/${input.partition}`;
  if (isPending) throw new StaleViewError(`a transaction holds ${name}; waiting until the transaction has ended`);
  if (!byMost) throw new StaleViewError(`too few brokers answer to know ${name}; waiting until more than half do`);
}

/**
 * The bounds of a log, if more than half of the known brokers have answered who leads it.
 *
 * @param tooFew makes the error that is thrown otherwise, from the name of the log
 * @throws BrokerError
 */
export async function boundsByMost(
  logs: Pick<Logs, 'bounds'>,
  log: TopicPartition,
  tooFew: (name: string) => Error = tooFewAnswer,
): Promise<LogBounds> {
  const bounds = await logs.bounds(log);
  if (bounds.byMost) return bounds;
  throw tooFew(`${log.topic}/${log.partition}`);
}
