/** The headers of record batches of magic 2 (KIP-98), and whether they can be believed. */
import { crc32c } from './crc32c.js';
import { readSafeInt64 } from './wire-format.js';

// Where the fields of a batch are.
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const COUNT_AT = 57;
const RECORDS_AT = 61;
/** Base offset and length: what the length field does not count. */
const LENGTH_COUNTS_FROM = 12;

const MAGIC = 2;
const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Number of the codec; 0 if it is not compressed. */
  readonly codec: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly producerId: bigint;
  readonly baseTimestamp: number;
  /** What every record of the batch is stamped with; null if each has its own. */
  readonly appendTime: number | null;
  readonly count: number;
  /** Where in the bytes its records begin and end. */
  readonly recordsAt: number;
  readonly end: number;
}

/** A batch that cannot be read, and never will be: its offsets, as far as they are known, and why. */
export class BrokenBatchError extends Error {
  override readonly name = 'BrokenBatchError';

  constructor(
    readonly firstOffset: number,
    /** Where the next batch begins; above `firstOffset`. */
    readonly nextOffset: number,
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super(`the record batch of offsets ${firstOffset} to ${nextOffset - 1} cannot be read: ${why}`, options);
  }
}

/** The batches at the start of some bytes whose extents make sense. */
export interface Extent {
  /** How long they are together. A batch that is cut off does not count. */
  readonly length: number;
  /** The offset after them; 0 without any. */
  readonly end: number;
  /** What is wrong with the batch after them; null if nothing is. */
  readonly broken: BrokenBatchError | null;
}

/** @param from the batches were asked for from that offset on: the last of them must reach further */
export function extentOf(bytes: Buffer, from: number): Extent {
  let length = 0;
  let end = 0;
  for (let next = 0; length + RECORDS_AT <= bytes.length; next = end) {
    const baseOffset = readOffset(bytes, length) ?? next;
    const delta = bytes.readInt32BE(length + LAST_OFFSET_DELTA_AT);
    const size = LENGTH_COUNTS_FROM + bytes.readInt32BE(length + LENGTH_AT);
    const why = faultOf(bytes, length, { baseOffset, delta, size, next });
    if (why !== null) {
      const first = Math.max(baseOffset, next);
      const isOldFormat = bytes.readInt8(length + MAGIC_AT) !== MAGIC; // Its offset is that of its last record.
      const after = Math.max(first, isOldFormat ? 0 : baseOffset + delta) + 1;
      return { length, end, broken: new BrokenBatchError(first, after, why) };
    }
    if (length + size > bytes.length) {
      // A leader gives the first batch whole, or nothing (KIP-74): else the same bytes would be fetched without an end.
      if (length > 0) break;
      const claim = `it claims to be ${size} bytes long, and its leader gave ${bytes.length}`;
      return { length, end, broken: new BrokenBatchError(baseOffset, Math.max(from, baseOffset + delta) + 1, claim) };
    }
    end = baseOffset + delta + 1;
    length += size;
  }
  if (length === 0 || end > from) return { length, end, broken: null };
  const why = `what a leader gave from offset ${from} on ends at offset ${end - 1}`;
  return { length, end, broken: new BrokenBatchError(from, from + 1, why) };
}

interface BatchExtent {
  readonly baseOffset: number;
  readonly delta: number;
  readonly size: number;
  /** No batch before this one reaches so far. */
  readonly next: number;
}

function faultOf(bytes: Buffer, at: number, { baseOffset, delta, size, next }: BatchExtent): string | null {
  const magic = bytes.readInt8(at + MAGIC_AT);
  if (magic !== MAGIC) return `it is of message format ${magic}, and only 2 is read, which Kafka writes since 0.11`;
  if (readOffset(bytes, at) === null) return 'its offset is not a number that can be one';
  if (size < RECORDS_AT) return `it claims to be ${size} bytes long, which is shorter than its own header`;
  if (delta < 0) return `its last offset lies ${-delta} below its first`;
  if (baseOffset < next) return `it begins at offset ${baseOffset}, and follows one that ends at offset ${next - 1}`;
  return null;
}

function readOffset(bytes: Buffer, at: number): number | null {
  const high = bytes.readInt32BE(at);
  return high < 0 || high >= 2 ** 21 ? null : readSafeInt64(bytes, at);
}

/**
 * The header of a batch whose extent makes sense.
 * @throws BrokenBatchError if its checksum is wrong: then nothing else of it can be believed
 */
export function headerAt(bytes: Buffer, start: number): BatchHeader {
  const baseOffset = readSafeInt64(bytes, start);
  const lastOffset = baseOffset + bytes.readInt32BE(start + LAST_OFFSET_DELTA_AT);
  const end = start + LENGTH_COUNTS_FROM + bytes.readInt32BE(start + LENGTH_AT);
  const expected = bytes.readUInt32BE(start + CRC_AT);
  const actual = crc32c(bytes, start + ATTRIBUTES_AT, end);
  if (actual !== expected) {
    const hex = (crc: number) => crc.toString(16).padStart(8, '0');
    const why = `its checksum is ${hex(actual)}, and its header says ${hex(expected)}: its bytes were damaged`;
    throw new BrokenBatchError(baseOffset, lastOffset + 1, why);
  }
  const attributes = bytes.readInt16BE(start + ATTRIBUTES_AT);
  return {
    baseOffset,
    lastOffset,
    codec: attributes & CODEC_MASK,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    producerId: bytes.readBigInt64BE(start + PRODUCER_ID_AT),
    baseTimestamp: Number(bytes.readBigInt64BE(start + BASE_TIMESTAMP_AT)),
    appendTime: (attributes & LOG_APPEND_TIME) !== 0 ? Number(bytes.readBigInt64BE(start + MAX_TIMESTAMP_AT)) : null,
    count: bytes.readInt32BE(start + COUNT_AT),
    recordsAt: start + RECORDS_AT,
    end,
  };
}
