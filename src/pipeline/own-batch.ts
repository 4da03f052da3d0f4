import { OnlyCopyError, UnprovedChangelogError } from '../store/examine-store.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import type { PartitionView } from './partition-view.js';
import type { LogBounds } from './ports.js';
import { lastPosition } from './last-rows.js';
import { agrees, isOnlyCopy, type StoredCommit } from './only-copy.js';

/**
 * Checks that the changelog has the last batch in the store. Call it when the changelog was replayed from
 * `store.readFrom` to its end, or up to the first record that shows that it does not have the batch. The commit of that
 * batch was acknowledged. But if brokers have left it open in the changelog, a take-over or an operator may have aborted it
 * there. Then the store has rows that the changelog lacks.
 *
 * Compaction may have removed the position row of the batch after a later one. That looks the same, so the store is set
 * aside then too: a restore only takes time.
 *
 * @param proved a write has proved the end of the changelog
 * @param committed the group's offset. If it is after that batch, the batch's announcements are committed too, and the
 *   store must be kept
 * @throws UnprovedChangelogError until it is proved; OnlyCopyError; otherwise CorruptStoreError, and the store is set
 *   aside when it is closed; BrokerError
 */
export async function mustHaveLastBatch(
  context: PipelineContext,
  partition: number,
  store: PartitionStore,
  { proved, changelog: bounds }: Pick<PartitionView, 'proved' | 'changelog'>,
  committed: StoredCommit | null,
): Promise<void> {
  const position = store.position();
  if (position === null || !store.lacksOwnBatch) return;
  const why = lastBatchIsLost(`${context.topics.changelog}/${partition}`, store);
  if (!proved) throw new UnprovedChangelogError(why);
  // If the changelog has later records, another owner may have read the input of that batch again by now.
  const isOnly =
    store.changelogPosition < bounds.end
      ? await isOnlyCopy(context, partition, { position, origin: store.origin() }, committed)
      : agrees(context, position, committed);
  if (isOnly) throw new OnlyCopyError(why);
  setAside(store, why);
}

/**
 * Looks for the position row of the store's last batch below the store's position, if an earlier release has moved it. Call
 * it before the changelog is replayed.
 *
 * @throws BrokerError; ReaderClosedError when `signal` aborts
 */
export async function findLastBatch(
  { topics, changelogLogs }: PipelineContext,
  partition: number,
  store: PartitionStore,
  { start, end }: Pick<LogBounds, 'start' | 'end'>,
  signal: AbortSignal,
): Promise<void> {
  if (!store.ownBatchMayEndEarlier) return;
  const below = { start, end: Math.min(end, store.changelogPosition) };
  const found = await lastPosition(changelogLogs, { topic: topics.changelog, partition }, below, signal);
  const position = store.position();
  if (found !== null && found.topic === position?.topic && found.offset === position.offset) store.noteReadBack();
}

export function lastBatchIsLost(changelog: string, { changelogPosition }: PartitionStore): string {
  return (
    `the folder has the rows of a batch that ended before offset ${changelogPosition} of ${changelog}, but the position row ` +
    'of that batch is missing: the batch was aborted there, because brokers had left its commit open, or the changelog has lost ' +
    'it, or compaction has removed the row after a later one'
  );
}

/** @throws CorruptStoreError; the store is set aside when it is closed */
export function setAside(store: PartitionStore, why: string): never {
  const corruption = new CorruptStoreError(why);
  store.distrust(corruption);
  throw corruption;
}
