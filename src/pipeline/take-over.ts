/**
 * Taking over a partition: one routine for a start, a rebalance and after any error.
 *
 *   fence -> undo the last batch in the folder -> replay the changelog -> check -> the input's start offset
 *
 * The order is what makes it right. Once fenced, no earlier owner can write, so that the committed offset and the
 * changelog's end are final. The undo does not ask whether the last batch was committed: the replay brings it back if
 * it was. Rows in the changelog are absolute, so that replaying too much is harmless.
 */
import { CountedCompanies } from '../store/counted-companies.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import { InconsistentPositionError } from './errors.js';
import { fence } from './fence.js';
import type { PartitionStatus } from './observer.js';
import { openStore, StoreOpening } from './open-store.js';
import { startOffset } from './position-check.js';
import type { TransactionalProducer } from './ports.js';
import { restore } from './restore.js';

/** A partition that is ours: its producer is fenced in, its store is at the changelog's end. */
export interface OwnedPartition {
  readonly producer: TransactionalProducer;
  readonly store: PartitionStore;
  /** Which company rows are counted under the words that this release knows. */
  readonly counted: CountedCompanies;
  /** Where the input is read on. */
  readonly from: number;
}

/**
 * @param enter told of each state that the partition enters
 * @param signal aborts when the partition is no longer ours to take
 * @throws what the ports throw; InconsistentPositionError; the signal's reason. Nothing stays open after an error.
 */
export async function takeOver(
  context: PipelineContext,
  partition: number,
  enter: (status: PartitionStatus) => void,
  signal: AbortSignal,
): Promise<OwnedPartition> {
  const { topics } = context;
  signal.throwIfAborted();
  enter({ state: 'fencing', reason: null });
  const opening = new StoreOpening(context.state, partition);
  let producer: TransactionalProducer | undefined;
  let store: PartitionStore | undefined;
  try {
    producer = await fence(context, partition);
    const input = { topic: topics.input, partition };
    const askedAt = context.clock.now();
    const [committed, inputBounds, changelogEnd] = await Promise.all([
      context.inputLogs.committedOffset(input),
      context.inputLogs.bounds(input),
      endOfChangelog(context, partition),
    ]);
    signal.throwIfAborted();
    store = await openStore(context, partition, changelogEnd, opening);
    context.held.note(partition, store.changelogPosition);
    if (store.changelogPosition < changelogEnd) {
      enter({ state: 'restoring', reason: `changelog offsets ${store.changelogPosition} to ${changelogEnd}` });
      await restore(context, partition, store, changelogEnd, signal);
    }
    store.noteAtEnd(askedAt);
    const changelog = store.position();
    const facts = { applicationId: context.applicationId, ...input, changelog, committed, input: inputBounds };
    return { producer, store, counted: new CountedCompanies(changelog), from: startOffset(facts) };
  } catch (error) {
    await producer?.discard();
    await opening.discard();
    await store?.close();
    throw error;
  }
}

/** @throws InconsistentPositionError where a part of the changelog is gone */
async function endOfChangelog(context: PipelineContext, partition: number): Promise<number> {
  const topic = context.topics.changelog;
  const { start, end } = await context.changelogLogs.bounds({ topic, partition });
  if (start === 0) return end;
  throw new InconsistentPositionError(
    `partition ${partition} is stopped: changelog ${topic}/${partition} starts at offset ${start}, so records of it ` +
      'were deleted. State cannot be restored from it: stop all instances, delete the topic, make it anew with ' +
      '`company-sync topics create`, and build the state anew: docs/operations.md, "The changelog is lost"',
  );
}
