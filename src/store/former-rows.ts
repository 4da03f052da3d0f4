/** What a store that is set aside passes on to the next store of its partition. */
import { ByteWriter } from '../lib/byte-writer.js';
import type { KeyChange, KeyValueReads, KeyValueStore } from './key-value-store.js';
import { decodeUndo, encodeFormerOffset, FORMER_OFFSET_KEY, FORMER_ROWS_KEY, UNDO_KEY } from './partition-meta.js';
import { decodeOriginRow, decodePositionRow, type OriginRow, type PositionRow } from './row-codec.js';
import { COMPANY_PREFIX, ORIGIN_KEY, POSITION_KEY } from './row-keys.js';
import { beginRow, readRow } from './row-version.js';

/** How far a former store had come in the input. */
export interface FormerRows {
  readonly position: PositionRow;
  /** It has the id of that input. */
  readonly origin: OriginRow | null;
  /**
   * Where the changelog ended when these rows were noted. A position row from there on shows that an owner has continued
   * the partition without the lost transactions: that owner did not know of them, or an operator has accepted the loss.
   */
  readonly changelogEnd: number;
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

/**
 * Up to which changelog offset a store passes on that it has followed the changelog.
 *
 * @param followed how far it has followed the present changelog; 0 if it has followed another one
 * @param former the same of former stores
 * @throws CorruptStoreError, StoreUnavailableError
 */
export async function passedOnOffset(store: KeyValueReads, followed: number, former: number): Promise<number> {
  return followed > former && (await hasRows(store)) ? followed : former;
}

/** False for a store that has followed only markers, or aborted records. */
async function hasRows(store: KeyValueReads): Promise<boolean> {
  const [position] = await store.read([POSITION_KEY]);
  return position != null || (await store.scan(COMPANY_PREFIX, 1)).length > 0;
}

/**
 * Notes in a store what it passes on. Call it before the store is set aside.
 *
 * @param changelogOffset as `passedOnOffset` returns it
 * @param changelogEnd where the changelog ends now
 * @throws CorruptStoreError, StoreUnavailableError, UnknownRowVersionError
 */
export async function noteFormer(store: KeyValueStore, changelogOffset: number, changelogEnd: number): Promise<void> {
  const rows = changelogOffset > 0 ? await formerRowsOf(store, changelogEnd) : null;
  await store.write(formerChanges({ changelogOffset, rows }));
}

/** What the store itself passes on, or else what it has from former stores. @throws as `decodeFormerRows` */
async function formerRowsOf(store: KeyValueReads, changelogEnd: number): Promise<FormerRows | null> {
  let [position, origin] = await store.read([POSITION_KEY, ORIGIN_KEY]);
  const [undo] = await store.read([UNDO_KEY]);
  // The last batch may not have been committed. The batch before it was.
  for (const { key, value } of undo == null ? [] : decodeUndo(undo)) {
    if (key.equals(POSITION_KEY)) position = value;
    if (key.equals(ORIGIN_KEY)) origin = value;
  }
  const own = position == null ? null : decodeFormerRows(encodeFormerRows(position, origin ?? null, changelogEnd));
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

function encodeFormerRows(position: Buffer, origin: Buffer | null, changelogEnd: number): Buffer {
  const to = new ByteWriter();
  to.begin();
  beginRow(to);
  for (const row of [position, origin ?? Buffer.alloc(0)]) {
    to.varint(row.length);
    to.bytes(row);
  }
  to.varint(changelogEnd);
  return to.end();
}

/** @throws UnknownRowVersionError, CorruptStoreError */
function decodeFormerRows(bytes: Buffer): FormerRows {
  const from = readRow(bytes, 'former rows');
  const position = decodePositionRow(from.slice(from.varint()));
  const origin = from.slice(from.varint());
  const changelogEnd = from.varint();
  from.end();
  return { position, origin: origin.length === 0 ? null : decodeOriginRow(origin), changelogEnd, bytes };
}
