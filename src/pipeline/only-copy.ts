/**
 * Rows of a committed transaction that only the state folder has. Brokers can leave a commit open in the changelog,
 * and it may be aborted there later; or an unclean leader election removes the end of the changelog. If the group's
 * offset and the announcements of that transaction are committed, a restore from the changelog would announce companies
 * again. So the folder is kept, and its owner writes the rows to the changelog again. If announcements are lost too, the
 * rows would say that companies were announced, and nobody would announce them: then an operator must choose.
 */
import { NO_HEADERS, type TopicPartition } from '../lib/record.js';
import { shortened } from '../lib/printable.js';
import { withReader } from '../lib/with-reader.js';
import type { KeyChange, KeyValueStore } from '../store/key-value-store.js';
import {
  CHANGELOG_POSITION_KEY,
  changelogPositionChanges,
  decodeChangelogPosition,
  decodeUndo,
  UNDO_KEY,
} from '../store/partition-meta.js';
import { ReplayedRows } from '../store/replayed-rows.js';
import { decodePositionRow, type PositionRow } from '../store/row-codec.js';
import { POSITION_KEY } from '../store/row-keys.js';
import type { StateRows } from '../store/state-rows.js';
import { ChangelogTail } from './changelog-tail.js';
import type { PipelineContext } from './context.js';
import { InconsistentPositionError, RowsWrittenBackError } from './errors.js';
import { lastOrigin, lastPosition } from './last-rows.js';
import { missingOutbound, type MissingOutbound } from './missing-outbound.js';
import { areOfDifferentInputs } from './origin.js';
import { boundsByMost, type PartitionView } from './partition-view.js';
import { commandToSet } from './position-choices.js';
import type { CommittedOffset, LogReader, TransactionalProducer } from './ports.js';
import { REPLAY_RECORDS } from './restore.js';

/**
 * Above one batch: a batch changes at most 50,000 rows and those of one more record. All go into one transaction, because
 * rows without their position row would be counted again. Bytes are in memory at once.
 */
const LIMITS = { rows: 100_000, bytes: 64 * 1024 * 1024 };

/** The group's offset. Only a transaction of the processor commits a leader epoch with it; an operator does not. */
export type StoredCommit = Pick<CommittedOffset, 'offset' | 'leaderEpoch'>;

/** Whether the group's offset was committed together with this position row. */
export function agrees({ topics }: PipelineContext, position: PositionRow, committed: StoredCommit | null): boolean {
  if (committed === null || committed.leaderEpoch < 0) return false;
  return position.topic === topics.input && position.offset === committed.offset;
}

/** As in `Expectations`. @throws BrokerError */
export async function isOnlyCopy(
  context: PipelineContext,
  partition: number,
  { position, origin }: StateRows,
  committed: StoredCommit | null,
): Promise<boolean> {
  if (!agrees(context, position, committed)) return false;
  const { changelogLogs, topics } = context;
  const changelog = { topic: topics.changelog, partition };
  const bounds = await changelogLogs.bounds(changelog);
  const inChangelog = await lastPosition(changelogLogs, changelog, bounds);
  if (inChangelog === null) return true;
  // If the changelog is ahead, somebody has set the group's offset back, or it was aborted there.
  if (inChangelog.topic !== position.topic || inChangelog.offset >= position.offset) return false;
  if (origin === null) return true;
  // If another instance has run on an input that was created again, the group's offset belongs to the new input. An equal
  // offset of the former input says nothing.
  return !areOfDifferentInputs(origin, await lastOrigin(changelogLogs, changelog, bounds));
}

/**
 * Whether the changelog gives a state at least as new as these rows, so that a folder with them is not needed. Rows of a
 * former input are not needed either.
 *
 * @throws BrokerError, also while too few brokers answer; ReaderClosedError when `signal` aborts
 */
export async function isInChangelog(
  { changelogLogs, topics }: PipelineContext,
  partition: number,
  { position, origin }: StateRows,
  signal: AbortSignal,
): Promise<boolean> {
  const changelog = { topic: topics.changelog, partition };
  const bounds = await boundsByMost(changelogLogs, changelog);
  const last = await lastPosition(changelogLogs, changelog, bounds, signal);
  if (last === null || last.topic !== position.topic) return false;
  if (last.offset >= position.offset || origin === null) return last.offset >= position.offset;
  return areOfDifferentInputs(origin, await lastOrigin(changelogLogs, changelog, bounds, signal));
}

export interface OnlyCopy {
  readonly context: PipelineContext;
  readonly partition: number;
  /** Proved. */
  readonly view: PartitionView;
  /** Fenced after the proof. */
  readonly producer: TransactionalProducer;
  /** How changelog and folder differ, as a clause. */
  readonly why: string;
}

/**
 * Writes to the changelog what only the folder has, in one transaction. Afterwards the partition must be taken over
 * again: the folder then agrees with the changelog, or can be set aside.
 *
 * @throws RowsWrittenBackError when that is done; InconsistentPositionError if it is more than one transaction may have, or
 *   if announcements or dead letters that belong to the rows are missing; as `missingOutbound`
 */
export async function writeBack(copy: OnlyCopy, signal: AbortSignal): Promise<never> {
  const { context, partition, view } = copy;
  const store = await context.state.open(partition);
  const replayed = new ReplayedRows(store);
  try {
    const { position, undoneLater } = await undoneUnlessCommitted(copy, store);
    await replayed.clear();
    await replay(copy, replayed, signal);
    const changes = await replayed.differences(LIMITS, undoneLater);
    if (changes === null) throw mustChoose(copy, TOO_MUCH);
    const missing = await missingOutbound(context, partition, changes, signal);
    if (missing.length > 0)
      throw mustChoose(copy, `But ${missing.map(lacks).join(', and ')}. They would never be written again`);
    changes.push({ key: POSITION_KEY, value: position });
    const end = await write(copy, changes);
    context.known.forgetProof(partition);
    if (undoneLater.length === 0) await noteOwnBatch(store, end);
    throw new RowsWrittenBackError(
      `${copy.why}. The group's offset is ${view.committed}, and only the state folder has the rows that belong to it. ` +
        `${changes.length} rows were written to ${context.topics.changelog}/${partition} again. There is nothing to do: the ` +
        'partition restarts',
    );
  } finally {
    await replayed.clear().catch(() => undefined); // Otherwise the next call removes the rest.
    await store.close();
  }
}

interface RowsOfCommit {
  /** The position row. */
  readonly position: Buffer;
  /**
   * The keys that the undo in the folder returns to their prior values at the next opening. The changelog must have these
   * rows after the folder's position, or the prior values would stay: they may be of a batch that the changelog lacks too.
   */
  readonly undoneLater: readonly Buffer[];
}

/** Undoes the last batch unless the group's offset is after it. */
async function undoneUnlessCommitted({ context, view }: OnlyCopy, store: KeyValueStore): Promise<RowsOfCommit> {
  const committed = { offset: view.committed ?? -1, leaderEpoch: view.committedIn };
  const [position, undo] = await store.read([POSITION_KEY, UNDO_KEY]);
  const priors = undo == null ? [] : decodeUndo(undo);
  if (position != null && agrees(context, decodePositionRow(position), committed))
    return { position, undoneLater: priors.map(({ key }) => key) };
  if (undo != null) await store.write([...priors, { key: UNDO_KEY, value: null }]);
  const [before] = await store.read([POSITION_KEY]);
  if (before != null && agrees(context, decodePositionRow(before), committed))
    return { position: before, undoneLater: [] };
  throw new Error(`the folder does not agree with the group's offset ${view.committed} any more`);
}

async function replay({ context, partition, view }: OnlyCopy, to: ReplayedRows, signal: AbortSignal): Promise<void> {
  const { start, end } = view.changelog;
  const reader = context.changelogLogs.reader({ topic: context.topics.changelog, partition }, start, view.changelog);
  const read = async (from: LogReader): Promise<void> => {
    for (let position = start; position < end;) {
      const { records, nextOffset } = await from.next(REPLAY_RECORDS);
      await to.add(records);
      position = nextOffset;
    }
  };
  await withReader(reader, read, signal);
}

/** @returns the changelog offset after the written rows */
async function write({ context, partition, view, producer }: OnlyCopy, changes: readonly KeyChange[]): Promise<number> {
  const { topics } = context;
  const changelog: TopicPartition = { topic: topics.changelog, partition };
  await producer.begin([changelog]);
  const end = await producer.produce(
    changelog,
    changes.map(({ key, value }) => ({ key, value, headers: NO_HEADERS })),
  );
  const committed = { offset: view.committed as number, leaderEpoch: view.committedIn };
  await producer.sendOffset({ topic: topics.input, partition }, committed);
  new ChangelogTail(view.changelog.end).mustFollow(end - changes.length);
  await producer.commit();
  return end;
}

/**
 * The written rows are now the last own batch of the folder, so the next take-over finds their position row there, and keeps
 * the folder. If the folder is beyond them, only the next take-over can say whether to keep it.
 */
async function noteOwnBatch(store: KeyValueStore, end: number): Promise<void> {
  const [bytes] = await store.read([CHANGELOG_POSITION_KEY]);
  const position = bytes == null ? null : decodeChangelogPosition(bytes);
  if (position === null || position.offset > end) return;
  await store.write(changelogPositionChanges({ ...position, offset: end, isAfterOwnBatch: true }, -1));
}

const TOO_MUCH = `They are more than one transaction may have (${LIMITS.rows} rows, ${LIMITS.bytes} bytes)`;

/** Ids in a message, and characters of each; the rest is counted. */
const MAX_NAMED = 10;
const MAX_ID_CHARACTERS = 100;

function lacks({ topic, ids }: MissingOutbound): string {
  const named = ids.slice(0, MAX_NAMED).map((id) => shortened(id, MAX_ID_CHARACTERS));
  const more = ids.length > named.length ? [`and ${ids.length - named.length} more`] : [];
  return `${topic} lacks the records of ${[...named, ...more].join(', ')}`;
}

/** @param reason why the rows are not written, as a sentence without its full stop */
function mustChoose(
  { context: { topics }, partition, view, why }: OnlyCopy,
  reason: string,
): InconsistentPositionError {
  return new InconsistentPositionError(
    `partition ${topics.input}/${partition} is blocked (changelog lost rows): ${why}. The group's offset is ` +
      `${view.committed}, and only the state folder of this instance has all rows that belong to it. ${reason}, so the ` +
      'folder is kept and nothing was written. ' +
      `Stop all instances, and run \`${commandToSet(partition, 'state')}\` with the settings of this instance. Companies that ` +
      'are completed by the records read again are announced again, with the same event id. `company-sync positions show` ' +
      'lists all partitions. Before that, read "The changelog has lost records" in docs/operations.md',
  );
}
