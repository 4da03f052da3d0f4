/**
 * The position row: up to where in the input the changelog speaks. Written in every transaction.
 *
 * `countedUnder` is written as padding of the offset: a varint with one byte more than it needs for each vocabulary after
 * the first. A release that knows only the first one reads the same offset, and writes it without padding. So a
 * partition that such a release has written to last says so by itself.
 */
import { FIRST_VOCABULARY } from '../domain/statuses.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { beginRow, readRow } from './row-version.js';

export interface PositionRow {
  /** Input topic. */
  readonly topic: string;
  /** The first input offset that the changelog does not speak of. */
  readonly offset: number;
  /**
   * The vocabulary that the pending companies of the partition were counted under: each that has a dataset finished by a
   * later word of it says so in its row. The first one promises nothing.
   */
  readonly countedUnder: number;
}

/** Far above any vocabulary to come. More padding than that would make the number itself unreadable. */
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
