/** The position row: up to where in the input the changelog speaks. Written in every transaction. */
import type { ByteWriter } from './byte-writer.js';
import { beginRow, readRow } from './row-version.js';

export interface PositionRow {
  /** Input topic. */
  readonly topic: string;
  /** The first input offset that the changelog does not speak of. */
  readonly offset: number;
}

export function writePositionRow(to: ByteWriter, row: PositionRow): void {
  beginRow(to);
  to.text(row.topic);
  to.varint(row.offset);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodePositionRow(bytes: Buffer): PositionRow {
  const from = readRow(bytes, 'position row');
  const row = { topic: from.text(), offset: from.varint() };
  from.end();
  return row;
}
