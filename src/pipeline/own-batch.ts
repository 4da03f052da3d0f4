import { OnlyCopyError, UnprovedChangelogError } from '../store/examine-store.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import type { PartitionView } from './partition-view.js';
import { lastPosition } from './last-rows.js';
import { agrees, type StoredCommit } from './only-copy.js';

/**
 * Checks that the changelog has the last batch in the store. Call it when the changelog was replayed from
 * `store.readFrom` to its end. The commit of that batch was acknowledged. But if brokers have left it open in the
 * changelog, a take-over or an operator may have aborted it there. Then the store has rows that the changelog lacks.
 *
 * @param proved a write has proved the end of the changelog
 * @param committed the group's offset. If it is after that batch, the batch's announcements are committed too, and the
 *   store must be kept
 * @throws UnprovedChangelogError until it is proved; OnlyCopyError; otherwise CorruptStoreError, and the store is set
 *   aside when it is closed; BrokerError; ReaderClosedError when `signal` aborts
 */
export async function mustHaveLastBatch(
  context: PipelineContext,
  partition: number,
  store: PartitionStore,
  { proved, changelog: bounds }: Pick<PartitionView, 'proved' | 'changelog'>,
  committed: StoredCommit | null,
  signal: AbortSignal,
): Promise<void> {
  const position = store.position();
  const changelog = { topic: context.topics.changelog, partition };
  if (position === null || store.positionIsConfirmed) return;
  // Without a note of an own batch, its position row was not read back: the folder may be from an earlier release.
  if (!store.lacksOwnBatch) {
    const last = await lastPosition(context.changelogLogs, changelog, bounds, signal);
    if (last !== null && last.offset >= position.offset) return;
  }
  const why = lastBatchIsLost(`${changelog.topic}/${partition}`, store);
  if (!proved) throw new UnprovedChangelogError(why);
  if (agrees(context, position, committed)) throw new OnlyCopyError(why);
  setAside(store, why);
}

export function lastBatchIsLost(changelog: string, { changelogPosition }: PartitionStore): string {
  return (
    `the folder has the rows of a batch that ended before offset ${changelogPosition} of ${changelog}, but that batch was ` +
    'aborted there, because brokers had left its commit open, or the changelog has lost it'
  );
}

/** @throws CorruptStoreError; the store is set aside when it is closed */
export function setAside(store: PartitionStore, why: string): never {
  const corruption = new CorruptStoreError(why);
  store.distrust(corruption);
  throw corruption;
}
