/**
 * Takes over a partition: the same routine for a start, for a rebalance, and for a restart after any error.
 *
 *     fence -> look -> undo the last batch in the folder -> replay the changelog -> check -> the input's start offset
 *                ^                 |                                              |
 *                +---- prove <-----+------- a contradiction, not proved yet ------+
 *
 * If only the folder has the rows that belong to the group's offset, they are written to the changelog again, and the
 * routine begins again (only-copy.ts).
 *
 * The order makes it correct. After the fencing no earlier owner can write, so the group's offset and the changelog's
 * end are final. The undo does not ask whether the last batch was committed: if it was, the replay restores it. Rows in
 * the changelog are complete values, so replaying too many changes nothing.
 */
import { CountedCompanies } from '../store/counted-companies.js';
import { OnlyCopyError, UnprovedChangelogError } from '../store/examine-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import { isSameOrigin, type OriginRow } from '../store/row-codec.js';
import { AtEndNotes } from './at-end-notes.js';
import { ChangelogTail } from './changelog-tail.js';
import type { PipelineContext } from './context.js';
import { InconsistentPositionError, SettingsChangedError } from './errors.js';
import { fence } from './fence.js';
import { formerState, lostTailOf } from './former-state.js';
import type { PartitionStatus } from './observer.js';
import { openStore, StoreOpening } from './open-store.js';
import { endsWithPosition, isCut } from './last-rows.js';
import { originOf } from './origin.js';
import { writeBack } from './only-copy.js';
import { findLastBatch, mustHaveLastBatch } from './own-batch.js';
import { readView, mustBeKnownToMost, overtaken, prove, type PartitionView } from './partition-view.js';
import { acceptsLoss, startOffset } from './position-check.js';
import { CONSUMED_NOTHING, type Positions } from './position-choices.js';
import type { TransactionalProducer } from './ports.js';
import { restore } from './restore.js';
import { unreadableBatchAt, type UnreadableBatch } from './unreadable-batch.js';

/**
 * A partition that this instance owns: its producer has fenced the former owner, and its store is at the changelog's
 * end.
 */
export interface OwnedPartition {
  readonly producer: TransactionalProducer;
  readonly store: PartitionStore;
  readonly tail: ChangelogTail;
  /** Which company rows were counted under the words that this release knows. */
  readonly counted: CountedCompanies;
  /** The origin row that the changelog must have. */
  readonly origin: OriginRow;
  /** Where the input is read next. */
  readonly from: number;
  /** The log that `from` is an offset of. */
  readonly inputLog: FollowedInput;
  /** Records in the store that it misses nothing of the changelog. */
  readonly notes: AtEndNotes;
  /**
   * The changelog does not contain `from` and `origin` yet, or the group's offset has no leader epoch: write all of them
   * before anything is read.
   */
  readonly mustWriteOriginFirst: boolean;
}

/** The input's log, as far as it was read. */
export interface FollowedInput {
  readonly topicId: string | null;
  /**
   * The epoch of the leader that the last records came from. The input's reader keeps it up to date. It is committed
   * with offsets.
   */
  leaderEpoch: number;
}

interface TakingOver {
  readonly context: PipelineContext;
  readonly partition: number;
  /** Called with each state that the partition enters. */
  readonly enter: (status: PartitionStatus) => void;
  /** Aborts when the partition is taken away from this instance. */
  readonly signal: AbortSignal;
}

/**
 * Takes over a partition. Leaves nothing open after an error.
 *
 * @param enter called with each state that the partition enters
 * @param signal aborts when this instance may no longer take the partition
 * @throws what the ports throw; InconsistentPositionError; the signal's reason
 */
export async function takeOver(
  context: PipelineContext,
  partition: number,
  enter: (status: PartitionStatus) => void,
  signal: AbortSignal,
): Promise<OwnedPartition> {
  signal.throwIfAborted();
  enter({ state: 'fencing', reason: null });
  const taking = { context, partition, enter, signal };
  const opening = new StoreOpening(context.state, partition);
  let producer: TransactionalProducer | undefined;
  try {
    producer = await fence(context, partition);
    const looked = await readView(context, partition);
    signal.throwIfAborted();
    try {
      return await restoreAndCheck(taking, producer, looked, opening);
    } catch (error) {
      if (!isContradiction(error)) throw error;
      signal.throwIfAborted();
      enter({ state: 'fencing', reason: `checking this by a write: ${error.message}` });
    }
    const proved = await prove(context, partition, producer);
    producer = proved.producer;
    signal.throwIfAborted();
    try {
      return await restoreAndCheck(taking, producer, proved.view, new StoreOpening(context.state, partition));
    } catch (error) {
      if (!(error instanceof OnlyCopyError)) throw error;
      signal.throwIfAborted();
      enter({ state: 'restoring', reason: `writing rows to the changelog again: ${error.message}` });
      return await writeBack({ context, partition, view: proved.view, producer, why: error.message }, signal);
    }
  } catch (error) {
    await producer?.discard();
    await opening.discard();
    throw error;
  }
}

/** A broker that is cut off may give an old offset, which looks like consent to a loss. */
class UnprovedConsentError extends Error {
  override readonly name = 'UnprovedConsentError';

  constructor({ topic, partition, changelog, committed }: Positions) {
    super(
      `the group's offset of ${topic}/${partition} is ${committed}, and the state has read the input up to offset ` +
        `${changelog?.offset}. An operator may have accepted a loss by setting that offset. There is nothing to do: the ` +
        'partition continues when the write has confirmed the offset',
    );
  }
}

/** Whether the error may come from a broker that is cut off, until a write has proved the view. */
function isContradiction(error: unknown): error is Error {
  return (
    error instanceof UnprovedChangelogError ||
    error instanceof InconsistentPositionError ||
    error instanceof UnprovedConsentError ||
    error instanceof SettingsChangedError
  );
}

/** Brings the store to the changelog's end in `view`, and checks the positions. Closes the store after any error. */
async function restoreAndCheck(
  { context, partition, enter, signal }: TakingOver,
  producer: TransactionalProducer,
  view: PartitionView,
  opening: StoreOpening,
): Promise<OwnedPartition> {
  const { topics } = context;
  const { changelog } = view;
  let store: PartitionStore | undefined;
  try {
    mustHaveFullChangelog(topics.changelog, partition, view);
    const { committed, committedIn } = view;
    const commit = committed === null ? null : { offset: committed, leaderEpoch: committedIn };
    store = await openStore(context, partition, { ...view, committed: () => Promise.resolve(commit) }, opening);
    context.statePositions.note(partition, store.changelogPosition);
    await findLastBatch(context, partition, store, changelog, signal);
    if (store.readFrom < changelog.end) {
      enter({ state: 'restoring', reason: `changelog offsets ${store.changelogPosition} to ${changelog.end}` });
      await restore(context, partition, store, changelog, signal);
      if (store.changelogPosition > changelog.end)
        throw overtaken(`${topics.changelog}/${partition}`, store.changelogPosition);
    }
    await mustHaveLastBatch(context, partition, store, view, commit);
    if (changelog.byMost) store.noteAtEnd(view.askedAt, changelog.leaderEpoch);
    if (store.position() !== null) context.known.note(partition); // Before any verdict.
    const { origin, inputRecreated } = originOf(context, store.origin(), view.input.topicId);
    const { applicationId } = context;
    const facts = { applicationId, topic: topics.input, partition, inputRecreated };
    const positions = {
      ...facts,
      changelog: store.position(),
      changelogStart: changelog.start,
      changelogCut: await hasCutChangelog(context, partition, store, changelog, signal),
      committed,
      committedIn,
      input: view.input,
      inputLostFrom: view.inputLostFrom,
      formerState: isUnknown(store, view) ? await formerState(context, partition, store, signal) : null,
      lostTail: lostTailOf(context, partition, store, view),
      unreadable: await skippedBatch(context, partition, store.position()?.offset ?? null, view, signal),
    };
    if (!view.proved && acceptsLoss(positions)) throw new UnprovedConsentError(positions);
    const from = startOffset(positions);
    await store.forgetFormerRows();
    if (store.position() === null) context.known.mustBeFirstStart(topics, partition, changelog);
    // Only an offset with a leader epoch shows later that the input has lost records below it.
    const lacksEpoch = committedIn < 0 && view.input.leaderEpoch >= 0;
    const mustWriteOriginFirst =
      lacksEpoch || store.position()?.offset !== from || !isSameOrigin(store.origin(), origin);
    // Nothing stored confirms a first position. So most brokers must know this topic: a broker that is cut off may still
    // know only a deleted topic of the same name.
    if (store.position() === null) mustBeKnownToMost(`${topics.input}/${partition}`, view.input);
    const tail = new ChangelogTail(changelog.end);
    const counted = new CountedCompanies(store.position());
    const { topicId, leaderEpoch } = view.input;
    const inputLog = { topicId, leaderEpoch };
    const notes = new AtEndNotes(context, partition, store);
    return { producer, store, tail, counted, origin, from, inputLog, notes, mustWriteOriginFirst };
  } catch (error) {
    await opening.discard();
    // A blocked partition writes a proof to the changelog at each retry. Closing notes that the folder has followed the
    // changelog so far. Without that, the folder would be set aside after days.
    await store?.close();
    throw error;
  }
}

/** Whether neither changelog nor group says that the partition has consumed anything. */
function isUnknown(store: PartitionStore, { committed }: PartitionView): boolean {
  return store.position() === null && (committed === null || committed === CONSUMED_NOTHING);
}

/** The store has all rows of the changelog: also those of a transaction that has lost its end. */
async function hasCutChangelog(
  { topics, changelogLogs }: PipelineContext,
  partition: number,
  store: PartitionStore,
  bounds: PartitionView['changelog'],
  signal: AbortSignal,
): Promise<boolean> {
  const changelog = { topic: topics.changelog, partition };
  const endsSo = await endsWithPosition(changelogLogs, changelog, bounds, signal);
  return isCut({ position: store.position(), endsWithPosition: endsSo });
}

/**
 * The batch at the state's position, if the group's offset is above it and the batch cannot be read; otherwise null.
 */
async function skippedBatch(
  { topics, inputLogs }: PipelineContext,
  partition: number,
  position: number | null,
  { committed, input: { start, end } }: PartitionView,
  signal: AbortSignal,
): Promise<UnreadableBatch | null> {
  const mayBeSkipped = position !== null && committed !== null && committed > position && committed <= end;
  if (!mayBeSkipped || position < start) return null;
  return unreadableBatchAt(inputLogs, { topic: topics.input, partition }, position, end, signal);
}

/** @throws InconsistentPositionError if a part of the changelog was deleted */
function mustHaveFullChangelog(topic: string, partition: number, { changelog: { start } }: PartitionView): void {
  if (start === 0) return;
  throw new InconsistentPositionError(
    `partition ${partition} is blocked (changelog incomplete): changelog ${topic}/${partition} starts at offset ${start}, so ` +
      'its first records were deleted, and the state cannot be restored from it. Stop all instances, and follow all steps of ' +
      '"The changelog is lost" in docs/operations.md: remove every STATE_DIR, create the topic again, mark the companies ' +
      'that were announced, and run `company-sync positions set --to log-start` with the settings of this instance, which ' +
      'consents to the rest',
  );
}
