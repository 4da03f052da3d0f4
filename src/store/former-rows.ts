/** What a store that is set aside passes on to the next store of its partition. */
import { ByteWriter } from '../lib/byte-writer.js';
import type { KeyChange, KeyValueReads } from './key-value-store.js';
import { decodeUndo, encodeFormerOffset, FORMER_OFFSET_KEY, FORMER_ROWS_KEY, UNDO_KEY } from './partition-meta.js';
import { decodeOriginRow, decodePositionRow, type OriginRow, type PositionRow } from './row-codec.js';
import { ORIGIN_KEY, POSITION_KEY } from './row-keys.js';
import { beginRow, readRow } from './row-version.js';

/** How far a former store had come in the input. */
export interface FormerRows {
  readonly position: PositionRow;
  /** It has the id of that input. */
  readonly origin: OriginRow | null;
  readonly bytes: Buffer;
}

export interface Former {
  /**
   * The offset of the present changelog up to which a former store of the partition had followed it, before its folder
   * was set aside. Above 0 only if that store had rows of the changelog: if the changelog now has none, it has lost them.
   */
  readonly changelogOffset: number;
  /** The rows of the former store that had come furthest. Transactions had committed them. */
  readonly rows: FormerRows | null;
}

export const NO_FORMER: Former = { changelogOffset: 0, rows: null };

/** The writes that note what a store passes on. */
export function formerChanges({ changelogOffset, rows }: Former): KeyChange[] {
  return [
    { key: FORMER_OFFSET_KEY, value: changelogOffset > 0 ? encodeFormerOffset(changelogOffset) : null },
    { key: FORMER_ROWS_KEY, value: rows?.bytes ?? null },
  ];
}

/** What the store itself passes on, or else what it has from former stores. @throws as `decodeFormerRows` */
export async function formerRowsOf(store: KeyValueReads): Promise<FormerRows | null> {
  let [position, origin] = await store.read([POSITION_KEY, ORIGIN_KEY]);
  const [undo] = await store.read([UNDO_KEY]);
  // The last batch may not have been committed. The batch before it was.
  for (const { key, value } of undo == null ? [] : decodeUndo(undo)) {
    if (key.equals(POSITION_KEY)) position = value;
    if (key.equals(ORIGIN_KEY)) origin = value;
  }
  const own = position == null ? null : decodeFormerRows(encodeFormerRows(position, origin ?? null));
  return furthest(own, await storedFormerRows(store));
}

/** What the store has from former stores. */
export async function storedFormerRows(store: KeyValueReads): Promise<FormerRows | null> {
  const [bytes] = await store.read([FORMER_ROWS_KEY]);
  return bytes == null ? null : decodeFormerRows(bytes);
}

function furthest(one: FormerRows | null, other: FormerRows | null): FormerRows | null {
  if (one === null || other === null) return one ?? other;
  return other.position.offset > one.position.offset ? other : one;
}

function encodeFormerRows(position: Buffer, origin: Buffer | null): Buffer {
  const to = new ByteWriter();
  to.begin();
  beginRow(to);
  for (const row of [position, origin ?? Buffer.alloc(0)]) {
    to.varint(row.length);
    to.bytes(row);
  }
  return to.end();
}

/** @throws UnknownRowVersionError, CorruptStoreError */
function decodeFormerRows(bytes: Buffer): FormerRows {
  const from = readRow(bytes, 'former rows');
  const position = decodePositionRow(from.slice(from.varint()));
  const origin = from.slice(from.varint());
  from.end();
  return { position, origin: origin.length === 0 ? null : decodeOriginRow(origin), bytes };
}
