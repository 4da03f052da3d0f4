/**
 * Decides whether the state in a partition's folder can be used, or must be set aside and rebuilt from the changelog.
 */
import { isoTime } from '../lib/iso-time.js';
import { formerChanges, passedOnOffset, type Former } from './former-rows.js';
import type { KeyChange, KeyValueStore } from './key-value-store.js';
import {
  ALL_MARKED_KEY,
  CHANGELOG_POSITION_KEY,
  changelogPositionChanges,
  decodeChangelogPosition,
  decodeFollowedEpoch,
  decodeFollowedLog,
  decodeFormerOffset,
  decodeIdentity,
  decodeUndo,
  encodeFollowedLog,
  encodeIdentity,
  FOLLOWED_EPOCH_KEY,
  FOLLOWED_LOG_KEY,
  FORMER_OFFSET_KEY,
  IDENTITY_KEY,
  isOtherLog,
  isPosition,
  OWN_BATCH_KEY,
  READ_BACK_KEY,
  UNDO_KEY,
  whoseElse,
  type ChangelogPosition,
  type FollowedEpoch,
  type FollowedLog,
  type StoreIdentity,
} from './partition-meta.js';
import { decodeOriginRow, decodePositionRow, type OriginRow, type PositionRow } from './row-codec.js';
import { rowsOfState, type StateRows } from './state-rows.js';
import { ORIGIN_KEY, POSITION_KEY } from './row-keys.js';
import { MARK } from './pending-index.js';
import { HOUR_MS } from '../lib/time-units.js';

/** The facts that a store is compared with when it is opened. */
export interface Expectations {
  readonly identity: StoreIdentity;
  /** The changelog's last stable offset. */
  readonly changelogEnd: number;
  /**
   * The offset of the first write that has proved the end of the changelog since a store was opened last. The changelog
   * ended there before, and a store has followed no more than that.
   */
  readonly endBeforeProof?: number | undefined;
  readonly changelogLog: FollowedLog;
  /**
   * The offset at which a leader epoch ended in the changelog. -1 if its leader does not know the epoch; null if the
   * leader cannot tell.
   */
  readonly endOfEpoch: (leaderEpoch: number) => Promise<number | null>;
  /**
   * A write has proved `changelogEnd` and `changelogLog`: they do not come from a broker that is cut off from the
   * cluster.
   */
  readonly proved: boolean;
  /**
   * Whether `changelogEnd` may be lower than before although nothing is lost: a new leader learns the high watermark
   * late. Then only leader epochs show a loss, if the brokers have them.
   */
  readonly endMayFall?: boolean;
  /**
   * Whether the group's offset agrees with these rows and the changelog does not: then the store has the only copy of the
   * rows that belong to the group's offset.
   */
  readonly isOnlyCopy: (rows: StateRows) => Promise<boolean>;
  /** How long changes may have been missed: the changelog's delete.retention.ms minus a margin. Milliseconds. */
  readonly maxAwayMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface StoredPositions {
  readonly changelog: ChangelogPosition;
  readonly positionRow: PositionRow | null;
  readonly originRow: OriginRow | null;
}

/**
 * The store contradicts what the brokers say about the changelog. One of the two is wrong, and nothing proves which.
 */
export class UnprovedChangelogError extends Error {
  override readonly name = 'UnprovedChangelogError';
}

/**
 * The changelog lacks rows that belong to the group's offset, and the store has them. The store must be kept until they
 * were written to the changelog.
 */
export class OnlyCopyError extends Error {
  override readonly name = 'OnlyCopyError';
}

export interface Trusted extends StoredPositions {
  readonly trusted: true;
  /** As `changelogOffset` of `Former` (former-rows.ts). */
  readonly formerOffset: number;
}

export interface Untrusted {
  readonly trusted: false;
  readonly why: string;
  /** As in `Trusted`, if this store becomes the former one. 0 also if the store cannot be read. */
  readonly formerOffset: number;
}

/**
 * A transaction takes at least two offsets, a record and a marker. So a difference of one offset is at most a marker.
 */
const MARKER_OFFSETS = 1;

/**
 * A stored time that is further ahead of the clock, in milliseconds, is wrong. The margin of `maxAwayMs` covers a
 * smaller difference.
 */
const MAX_AHEAD_MS = HOUR_MS;

/** Whether a store that has followed the changelog up to `offset` has all of a changelog that ends at `end`. */
export function isAtEnd(offset: number, end: number): boolean {
  return offset <= end && end - offset <= MARKER_OFFSETS;
}

/**
 * Decides whether the store can be used. If it has an undo, restores the rows from before its last batch. Initializes
 * an empty store.
 *
 * @param former what the folder that was set aside last passes on. Called only for an empty store
 * @throws UnprovedChangelogError, unless `expected` is proved; OnlyCopyError if it is; UnknownRowVersionError, CorruptStoreError,
 *   StoreUnavailableError
 */
export async function examineStore(
  store: KeyValueStore,
  expected: Expectations,
  former: () => Promise<Former>,
): Promise<Trusted | Untrusted> {
  const [identity, position, undo, positionRow, log, epoch, formerOf, own, readBack, originRow] = await store.read([
    IDENTITY_KEY,
    CHANGELOG_POSITION_KEY,
    UNDO_KEY,
    POSITION_KEY,
    FOLLOWED_LOG_KEY,
    FOLLOWED_EPOCH_KEY,
    FORMER_OFFSET_KEY,
    OWN_BATCH_KEY,
    READ_BACK_KEY,
    ORIGIN_KEY,
  ]);
  if (identity == null) {
    const empty = position == null && undo == null && positionRow == null;
    if (empty) return { trusted: true, ...(await beginStore(store, expected, await former())) };
    return untrusted('the folder contains state but does not say to which deployment the state belongs');
  }
  if (position == null) return untrusted('the folder does not say up to which offset it has followed the changelog');

  const stored = decodeChangelogPosition(position);
  const isAfterOwnBatch = !isPosition(readBack, stored.offset);
  const isOfEarlierRelease = isAfterOwnBatch && !isPosition(own, stored.offset);
  const changelog = { ...stored, isAfterOwnBatch, isOfEarlierRelease };
  const followed = log == null ? null : decodeFollowedLog(log);
  const foreign = whoseElse(decodeIdentity(identity), expected.identity);
  if (foreign !== null) return untrusted(foreign);
  const followedEpoch = epoch == null ? null : decodeFollowedEpoch(epoch);
  const isOther = isOtherLog(followed, expected.changelogLog);
  const formerOffset = isOther || formerOf == null ? 0 : decodeFormerOffset(formerOf);
  const untrustedNow = async (why: string): Promise<Untrusted> => {
    return untrusted(why, await passedOnOffset(store, isOther ? 0 : changelog.offset, formerOffset));
  };
  const keepIfOnlyCopy = async (why: string): Promise<void> => {
    if (isOther) return;
    for (const rows of rowsOfState(positionRow ?? null, originRow ?? null, undo ?? null))
      if (await expected.isOnlyCopy(rows))
        throw expected.proved ? new OnlyCopyError(why) : new UnprovedChangelogError(why);
  };
  const why = whyOutOfDate(changelog, expected);
  if (why !== null) {
    await keepIfOnlyCopy(why);
    return untrustedNow(why);
  }
  const lost = await lostSince(expected, followedEpoch);
  const contradiction = contradictionTo(expected, changelog, followed) ?? lost;
  if (contradiction !== null) {
    if (!expected.proved) throw new UnprovedChangelogError(contradiction);
    await keepIfOnlyCopy(contradiction);
    const mayBeWhole = expected.endMayFall === true && !isOther && lost === null && hasEpochs(expected, followedEpoch);
    if (mayBeWhole) throw new UnprovedChangelogError(contradiction);
    return untrustedNow(contradiction);
  }
  if (undo != null) await keepIfOnlyCopy(LACKS_LAST_BATCH);
  return { trusted: true, formerOffset, changelog, ...(await undoLastBatch(store, undo ?? null, expected, followed)) };
}

const LACKS_LAST_BATCH =
  "the group's offset is after the last batch of the folder, but the changelog does not have that batch";

function hasEpochs({ changelogLog }: Expectations, followed: FollowedEpoch | null): boolean {
  return followed !== null && followed.leaderEpoch >= 0 && changelogLog.leaderEpoch >= 0;
}

function untrusted(why: string, formerOffset = 0): Untrusted {
  return { trusted: false, why, formerOffset };
}

/** Why the store may have missed deletions; null if it has missed none. */
function whyOutOfDate({ offset, atEndMs }: ChangelogPosition, expected: Expectations): string | null {
  const { changelogEnd, maxAwayMs, now } = expected;
  // If nothing was written since then, nothing can have been missed, however long ago that was.
  if (isAtEnd(offset, changelogEnd)) return null;
  if (atEndMs - now > MAX_AHEAD_MS)
    return (
      `the folder says that it was at the changelog's end at ${isoTime(atEndMs)}, but it is ${isoTime(now)} now: one of ` +
      'the two times comes from a wrong clock, so the folder may have missed deletions'
    );
  if (now - atEndMs > maxAwayMs)
    return `the folder was last at the changelog's end at ${isoTime(atEndMs)}, so it may have missed deletions`;
  return null;
}

/** How the store contradicts what the brokers say about the changelog; null if both can be true. */
function contradictionTo(
  { changelogEnd, endBeforeProof = changelogEnd, changelogLog, proved }: Expectations,
  { offset }: ChangelogPosition,
  followed: FollowedLog | null,
): string | null {
  if (isOtherLog(followed, changelogLog))
    return `the folder has followed a changelog that was deleted and created again (id ${followed?.topicId}, now ${changelogLog.topicId})`;
  if (offset > endBeforeProof)
    return `the folder has followed the changelog up to ${offset}, but the changelog ends at ${endBeforeProof}`;
  // Proved facts count whatever the epoch is: epochs start again if a cluster is restored from a copy.
  if (!proved && followed !== null && changelogLog.leaderEpoch < followed.leaderEpoch)
    return `the folder has followed a leader of epoch ${followed.leaderEpoch}, but the broker that answers only knows epoch ${changelogLog.leaderEpoch}`;
  return null;
}

/**
 * Whether the changelog lost records that the store has followed: a leader without them was elected. The log may have
 * grown past them since then. Not asked if the leader is still in the same epoch.
 */
export async function lostSince(
  { changelogLog, endOfEpoch }: Pick<Expectations, 'changelogLog' | 'endOfEpoch'>,
  followed: FollowedEpoch | null,
): Promise<string | null> {
  if (followed === null || followed.leaderEpoch < 0 || followed.leaderEpoch === changelogLog.leaderEpoch) return null;
  const end = await endOfEpoch(followed.leaderEpoch);
  if (end === null || end >= followed.offset) return null;
  const where = end < 0 ? 'is no longer in the log' : `ends at ${end} now`;
  return `the folder has followed the leader of epoch ${followed.leaderEpoch} up to ${followed.offset}, and that epoch ${where}: the changelog has lost records`;
}

/**
 * An empty store misses nothing, so it counts as having been at the changelog's end at its creation. One write makes it a
 * store and has what the folder before it passes on: after a crash, nobody looks at that folder again.
 */
async function beginStore(
  store: KeyValueStore,
  expected: Expectations,
  former: Former,
): Promise<Omit<Trusted, 'trusted'>> {
  const { identity, now, changelogLog } = expected;
  const changelog = { offset: 0, atEndMs: now };
  await store.write([
    { key: IDENTITY_KEY, value: encodeIdentity(identity) },
    ...changelogPositionChanges(changelog, changelogLog.leaderEpoch),
    { key: FOLLOWED_LOG_KEY, value: encodeFollowedLog(changelogLog) },
    { key: ALL_MARKED_KEY, value: MARK },
    ...formerChanges(former),
  ]);
  return { changelog, positionRow: null, originRow: null, formerOffset: former.changelogOffset };
}

/** Undoes the last batch, and stores which log is followed if that has changed. @returns the rows after the undo */
async function undoLastBatch(
  store: KeyValueStore,
  undo: Buffer | null,
  { changelogLog: now }: Expectations,
  before: FollowedLog | null,
): Promise<Omit<StoredPositions, 'changelog'>> {
  const isNews = before?.topicId !== now.topicId || before.leaderEpoch !== now.leaderEpoch;
  const writes: KeyChange[] = isNews ? [{ key: FOLLOWED_LOG_KEY, value: encodeFollowedLog(now) }] : [];
  if (undo !== null) writes.push(...decodeUndo(undo), { key: UNDO_KEY, value: null });
  if (writes.length > 0) await store.write(writes);
  const [positionRow, originRow] = await store.read([POSITION_KEY, ORIGIN_KEY]);
  return {
    positionRow: positionRow == null ? null : decodePositionRow(positionRow),
    originRow: originRow == null ? null : decodeOriginRow(originRow),
  };
}
