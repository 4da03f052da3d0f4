import { decodeUndo } from './partition-meta.js';
import { decodeOriginRow, decodePositionRow, type OriginRow, type PositionRow } from './row-codec.js';
import { isOriginKey, isPositionKey } from './row-keys.js';

/** Up to which input offset a state has come, and from which input. */
export interface StateRows {
  readonly position: PositionRow;
  readonly origin: OriginRow | null;
}

/** The rows of a store as they are, and as its undo would leave them. States without a position are left out. */
export function rowsOfState(position: Buffer | null, origin: Buffer | null, undo: Buffer | null): StateRows[] {
  const before = { position, origin };
  for (const { key, value } of undo === null ? [] : decodeUndo(undo)) {
    if (isPositionKey(key)) before.position = value;
    if (isOriginKey(key)) before.origin = value;
  }
  return [{ position, origin }, ...(undo === null ? [] : [before])].flatMap((rows) => {
    if (rows.position === null) return [];
    const originRow = rows.origin === null ? null : decodeOriginRow(rows.origin);
    return [{ position: decodePositionRow(rows.position), origin: originRow }];
  });
}
