/**
 * The position row: up to which input offset the changelog is complete. Every transaction writes it.
 *
 * `countedUnder` is written as padding of the offset: one extra byte of the varint for each vocabulary after the first.
 * A release that only knows the first vocabulary reads the same offset, and writes it without padding. So the row
 * itself shows that such a release was the last to write to the partition.
 */
import { FIRST_VOCABULARY } from '../domain/statuses.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { beginRow, readRow } from './row-version.js';

export interface PositionRow {
  /** Input topic. */
  readonly topic: string;
  /** The first input offset that the changelog does not cover. */
  readonly offset: number;
  /**
   * The vocabulary under which the partition's pending companies were counted. If a later word of it finished a dataset
   * of a company, the company's row says so. The first vocabulary promises nothing.
   */
  readonly countedUnder: number;
}

/** Far above any future vocabulary. More padding would make the number itself unreadable. */
const MAX_PADDING = 64;

export function writePositionRow(to: ByteWriter, row: PositionRow): void {
  beginRow(to);
  to.text(row.topic);
  to.paddedVarint(row.offset, row.countedUnder - FIRST_VOCABULARY);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodePositionRow(bytes: Buffer): PositionRow {
  const from = readRow(bytes, 'position row');
  const topic = from.text();
  const { value: offset, padding } = from.paddedVarint();
  if (padding > MAX_PADDING) throw from.malformed(`${padding} bytes of padding`);
  from.end();
  return { topic, offset, countedUnder: FIRST_VOCABULARY + padding };
}
