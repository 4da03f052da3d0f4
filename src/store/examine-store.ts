/** Whether what a partition's folder holds can be used, or must be set aside and rebuilt from the changelog. */
import type { KeyValueStore } from './key-value-store.js';
import {
  CHANGELOG_POSITION_KEY,
  changelogPositionChange,
  decodeChangelogPosition,
  decodeIdentity,
  decodeUndo,
  encodeIdentity,
  IDENTITY_KEY,
  UNDO_KEY,
  type ChangelogPosition,
  type StoreIdentity,
} from './partition-meta.js';
import { decodePositionRow, type PositionRow } from './row-codec.js';
import { POSITION_KEY } from './row-keys.js';

/** What the store is opened for. */
export interface Expectations {
  readonly identity: StoreIdentity;
  /** The changelog's last stable offset. */
  readonly changelogEnd: number;
  /** For how long changes may have been missed: the changelog's delete.retention.ms with a margin. Milliseconds. */
  readonly maxAwayMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface StoredPositions {
  readonly changelog: ChangelogPosition;
  readonly positionRow: PositionRow | null;
}

export interface Trusted extends StoredPositions {
  readonly trusted: true;
}

export interface Untrusted {
  readonly trusted: false;
  readonly why: string;
}

/** A transaction takes at least two offsets, a record and a marker: one offset more is at most a marker. */
const MARKER_OFFSETS = 1;

/** Whether a store that has followed the changelog up to `offset` misses nothing of a changelog that ends at `end`. */
export function isAtEnd(offset: number, end: number): boolean {
  return offset <= end && end - offset <= MARKER_OFFSETS;
}

/**
 * Says whether the store can be used, and brings it to the state before its last batch if an undo is there. An empty
 * one is begun. @throws UnknownRowVersionError, CorruptStoreError, StoreUnavailableError
 */
export async function examineStore(store: KeyValueStore, expected: Expectations): Promise<Trusted | Untrusted> {
  const [identity, position, undo, positionRow] = await store.read([
    IDENTITY_KEY,
    CHANGELOG_POSITION_KEY,
    UNDO_KEY,
    POSITION_KEY,
  ]);
  if (identity == null) {
    const empty = position == null && undo == null && positionRow == null;
    if (empty) return { trusted: true, ...(await beginStore(store, expected)) };
    return { trusted: false, why: 'it does not say whose state it holds' };
  }
  if (position == null) return { trusted: false, why: 'it does not say up to where it followed the changelog' };

  const changelog = decodeChangelogPosition(position);
  const why = whyNotTrusted(decodeIdentity(identity), changelog, expected);
  if (why !== null) return { trusted: false, why };
  return { trusted: true, changelog, positionRow: await undoLastBatch(store, undo ?? null) };
}

/** Why the store must be set aside; null where it can be used. */
function whyNotTrusted(identity: StoreIdentity, changelog: ChangelogPosition, expected: Expectations): string | null {
  for (const part of ['clusterId', 'applicationId', 'topic', 'partition'] as const) {
    const wanted = expected.identity[part];
    if (identity[part] !== wanted) return `it is of ${part} ${identity[part]}, not ${wanted}`;
  }
  const { offset, atEndMs } = changelog;
  const { changelogEnd, maxAwayMs, now } = expected;
  if (offset > changelogEnd) return `it has followed the changelog up to ${offset}, which ends at ${changelogEnd}`;
  // Where nothing was written since, nothing can have been missed, however long ago that was.
  if (!isAtEnd(offset, changelogEnd) && now - atEndMs > maxAwayMs)
    return `it was last at the changelog's end at ${new Date(atEndMs).toISOString()}: deletions may have been missed`;
  return null;
}

/** An empty store misses nothing, so that it counts as having been at the changelog's end when it began. */
async function beginStore(store: KeyValueStore, { identity, now }: Expectations): Promise<StoredPositions> {
  const changelog = { offset: 0, atEndMs: now };
  await store.write([{ key: IDENTITY_KEY, value: encodeIdentity(identity) }, changelogPositionChange(changelog)]);
  return { changelog, positionRow: null };
}

/** @returns the position row as it is then */
async function undoLastBatch(store: KeyValueStore, undo: Buffer | null): Promise<PositionRow | null> {
  if (undo !== null) await store.write([...decodeUndo(undo), { key: UNDO_KEY, value: null }]);
  const [positionRow] = await store.read([POSITION_KEY]);
  return positionRow == null ? null : decodePositionRow(positionRow);
}
