/** Changelog records in the form that the store takes. */
import type { KeyChange } from './key-value-store.js';
import { decodeOriginRow, decodePositionRow, type OriginRow, type PositionRow } from './row-codec.js';
import { isOriginKey, isPositionKey } from './row-keys.js';

/** A changelog record: a complete row; a null value is a tombstone. In a compacted topic every record has a key. */
export interface ChangelogRow {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** A changelog record that was read, and where. */
export interface ReadRow extends ChangelogRow {
  readonly offset: number;
}

/** Records `from` up to, but not including, `to`, as writes. Returns the same objects, not copies. */
export function changesOf(records: readonly ChangelogRow[], from: number, to: number): KeyChange[] {
  const changes: KeyChange[] = [];
  for (let i = from; i < to; i++) {
    const record = records[i] as ChangelogRow;
    if (!hasKey(record))
      throw new Error('the changelog has a record without a key: it is not a changelog of company-sync');
    changes.push(record);
  }
  return changes;
}

function hasKey(record: ChangelogRow): record is KeyChange {
  return record.key !== null;
}

/**
 * The last position row among the records, or `known` if they contain none. Every transaction ends with a position row,
 * so one is near the end.
 *
 * @throws UnknownRowVersionError, CorruptStoreError
 */
export function latestPositionRow(records: readonly ChangelogRow[], known: PositionRow | null): PositionRow | null {
  for (let i = records.length - 1; i >= 0; i--) {
    const { key, value } = records[i] as ChangelogRow;
    if (key !== null && isPositionKey(key)) return value === null ? null : decodePositionRow(value);
  }
  return known;
}

/**
 * Whether the position row `position` is among the records below changelog offset `below`.
 *
 * @throws UnknownRowVersionError, CorruptStoreError
 */
export function hasPositionRow(records: readonly ReadRow[], position: PositionRow, below: number): boolean {
  return records.some(({ key, value, offset }) => {
    if (offset >= below || key === null || value === null || !isPositionKey(key)) return false;
    const row = decodePositionRow(value);
    return row.topic === position.topic && row.offset === position.offset;
  });
}

/** Whether a position row is among the records from changelog offset `from` on. */
export function hasPositionRowFrom(records: readonly ReadRow[], from: number): boolean {
  return records.some(({ key, offset }) => offset >= from && key !== null && isPositionKey(key));
}

/** The last origin row among the records, or `known` if they contain none. @throws as `latestPositionRow` */
export function latestOriginRow(records: readonly ChangelogRow[], known: OriginRow | null): OriginRow | null {
  for (let i = records.length - 1; i >= 0; i--) {
    const { key, value } = records[i] as ChangelogRow;
    if (key !== null && isOriginKey(key)) return value === null ? null : decodeOriginRow(value);
  }
  return known;
}
