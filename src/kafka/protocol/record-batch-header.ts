/** Reads the headers of record batches of magic 2 (KIP-98), and judges whether they can be right. */
import { crc32c } from '@node-rs/crc32';
import { reasonOf } from '../../lib/reason-of.js';
import { readSafeInt64 } from './wire-format.js';

// The positions of a batch's fields.
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
/** Base offset and length. The length field does not count them. */
const LENGTH_COUNTS_FROM = 12;

/**
 * Checksummed bytes for each byte of an answer, at most, while intact batches are looked for. Each position in damaged
 * bytes may look like the header of a batch that reaches to the end.
 */
const CHECKSUMS_PER_BYTE = 4;
/**
 * Positions in one answer at which an intact batch is looked for, at most: twice the 8 MiB of the largest batches of our
 * topics. Looking at all bytes blocks the thread, and an answer may have 256 MiB.
 */
export const MAX_SEARCHED_BYTES = 16 * 1_024 * 1_024;

const MAGIC = 2;
const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Number of the codec; 0 if the batch is not compressed. */
  readonly codec: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly producerId: bigint;
  readonly baseTimestamp: number;
  /** The timestamp of all records of the batch; null if each record has its own. */
  readonly appendTime: number | null;
  readonly count: number;
  /** Where in the bytes its records begin and end. */
  readonly recordsAt: number;
  readonly end: number;
}

/** A batch can never be read. The error has its offsets, as far as they are known, and the reason. */
export class BrokenBatchError extends Error {
  override readonly name = 'BrokenBatchError';

  constructor(
    readonly firstOffset: number,
    /**
     * The offset at which the next batch begins; above `firstOffset`. It comes from this batch's header if its checksum
     * is right, else from the next batch with a right checksum. Null if both are missing: damaged bytes do not tell
     * where they end.
     */
    readonly nextOffset: number | null,
    readonly why: string,
    options?: ErrorOptions,
  ) {
    const place =
      nextOffset === null ? `from offset ${firstOffset} on` : `of offsets ${firstOffset} to ${nextOffset - 1}`;
    super(`the record batch ${place} cannot be read: ${why}`, options);
  }
}

/** The error of a batch whose checksum is right, after `cause`. */
export function brokenBatch({ baseOffset, lastOffset }: BatchHeader, cause: unknown): BrokenBatchError {
  if (cause instanceof BrokenBatchError) return cause;
  const why = reasonOf(cause);
  return new BrokenBatchError(baseOffset, lastOffset + 1, why, { cause });
}

/** The batches in some bytes, up to the first one whose offsets or length cannot be right. */
export interface Extent {
  /**
   * Where the first batch begins. Above 0 if the answer began with a broken batch that ends at or before the wanted
   * offset, and that was skipped.
   */
  readonly start: number;
  /** Where the last batch ends. A batch that is cut off does not count. */
  readonly length: number;
  /** The offset after the last batch; 0 without a batch. */
  readonly end: number;
  /** The fault of the batch after the last one; null if no batch is faulty. */
  readonly broken: BrokenBatchError | null;
}

/**
 * @param from the offset that was asked for; the last batch must reach beyond it
 * @param stableEnd for a log without gaps: about where it ends. Infinity for a log with gaps
 */
export function extentOf(bytes: Buffer, from: number, stableEnd = Infinity): Extent {
  let [start, length, end] = [0, 0, 0];
  const intact = new IntactBatches(bytes);
  /** The batch before. */
  let before: { readonly at: number; readonly baseOffset: number; readonly next: number } | null = null;
  while (length + RECORDS_AT <= bytes.length) {
    const next = end;
    const baseOffset = readOffset(bytes, length) ?? next;
    const delta = bytes.readInt32BE(length + LAST_OFFSET_DELTA_AT);
    const size = LENGTH_COUNTS_FROM + bytes.readInt32BE(length + LENGTH_AT);
    // A leader gives the first batch whole, or gives nothing (KIP-74). If not, the same bytes would be fetched again
    // and again.
    const isCutOff = size >= RECORDS_AT && length + size > bytes.length;
    if (isCutOff && length > start) break;
    const extent = { baseOffset, delta, next, after: Math.max(next, from), stableEnd };
    const claim = `it claims to be ${size} bytes long, and its leader gave ${bytes.length - length}`;
    const why = faultOf(bytes, length, { ...extent, size }) ?? (isCutOff ? claim : null);
    if (why === null) {
      before = { at: length, baseOffset, next };
      end = baseOffset + delta + 1;
      length += size;
      continue;
    }
    // If two batches overlap, the first of them may claim offsets that it cannot have. Only the second one shows that.
    if (before !== null && baseOffset < next && isWrong(intact, before, from) && intact.isAt(length, before.next)) {
      const { at, next: first, baseOffset: claimed } = before;
      if (baseOffset > from) {
        const lies = `it claims offsets ${claimed} to ${next - 1}, and the next one begins at offset ${baseOffset}`;
        const broken = new BrokenBatchError(Math.max(first, Math.min(claimed, from)), baseOffset, lies);
        return { start, length: at, end: first, broken };
      }
      [start, end, before] = [length, 0, null];
      continue;
    }
    const intactBatch = intact.firstAfter(length, next);
    if (intactBatch === null || intactBatch.baseOffset > from) {
      const first = baseOffset + delta >= stableEnd ? extent.after : Math.max(baseOffset, next);
      return { start, length, end, broken: new BrokenBatchError(first, intactBatch?.baseOffset ?? null, why) };
    }
    // An operator has skipped this batch. A leader sends it again if it claims to end later than it really does.
    [start, length, end, before] = [intactBatch.at, intactBatch.at, 0, null];
  }
  if (length === start || end > from) return { start, length, end, broken: null };
  const why = `a leader was asked from offset ${from} on, and its batches end at offset ${end - 1}`;
  return { start, length, end, broken: new BrokenBatchError(from, null, why) };
}

/** A whole batch whose checksum is right. */
interface IntactBatch {
  readonly at: number;
  readonly baseOffset: number;
}

/**
 * Looks for intact batches in one answer. Once it has checksummed CHECKSUMS_PER_BYTE times the answer, or looked at
 * MAX_SEARCHED_BYTES positions, it finds no more.
 */
class IntactBatches {
  #bytesLeft: number;
  #positionsLeft = MAX_SEARCHED_BYTES;

  constructor(private readonly bytes: Buffer) {
    this.#bytesLeft = bytes.length * CHECKSUMS_PER_BYTE;
  }

  /**
   * The first intact batch after a broken batch at `at`; null if none is found. Tries the end that the broken batch's
   * length gives, and then every byte, as long as it may.
   * @param least the lowest base offset that it can have, because offsets grow from batch to batch
   */
  firstAfter(at: number, least: number): IntactBatch | null {
    const { bytes } = this;
    const claimed = at + LENGTH_COUNTS_FROM + bytes.readInt32BE(at + LENGTH_AT);
    if (claimed >= at + RECORDS_AT && this.isAt(claimed, least)) return this.#at(claimed);
    const last = Math.min(at + this.#positionsLeft, bytes.length - RECORDS_AT);
    for (let next = at + 1; next <= last && this.#bytesLeft > 0; next++) {
      this.#positionsLeft--;
      if (this.isAt(next, least)) return this.#at(next);
    }
    return null;
  }

  isAt(at: number, least: number): boolean {
    const { bytes } = this;
    if (at + RECORDS_AT > bytes.length || bytes[at + MAGIC_AT] !== MAGIC) return false;
    const baseOffset = readOffset(bytes, at);
    const size = LENGTH_COUNTS_FROM + bytes.readInt32BE(at + LENGTH_AT);
    if (baseOffset === null || baseOffset < least || size < RECORDS_AT || at + size > bytes.length) return false;
    this.#bytesLeft -= size;
    return this.#bytesLeft >= 0 && hasRightChecksum(bytes, at, at + size);
  }

  #at(at: number): IntactBatch {
    return { at, baseOffset: readSafeInt64(this.bytes, at) };
  }
}

/**
 * Whether the first of two overlapping batches is wrong: either the batch is damaged, or its base offset, which has no
 * checksum.
 */
function isWrong(
  intact: IntactBatches,
  { at, baseOffset, next }: IntactBatch & { readonly next: number },
  from: number,
): boolean {
  return !intact.isAt(at, next) || (next === 0 ? baseOffset > from : baseOffset > next);
}

function hasRightChecksum(bytes: Buffer, at: number, end: number): boolean {
  return crc32c(bytes.subarray(at + ATTRIBUTES_AT, end)) === bytes.readUInt32BE(at + CRC_AT);
}

interface BatchExtent {
  readonly baseOffset: number;
  readonly delta: number;
  readonly size: number;
  /** The offset that no earlier batch reaches. */
  readonly next: number;
  /** The offset at which it should begin, unless there is a gap. */
  readonly after: number;
  readonly stableEnd: number;
}

function faultOf(
  bytes: Buffer,
  at: number,
  { baseOffset, delta, size, next, after, stableEnd }: BatchExtent,
): string | null {
  const magic = bytes.readInt8(at + MAGIC_AT);
  if (magic !== MAGIC)
    return `it has message format ${magic}, but only format 2 can be read, which Kafka writes since 0.11`;
  if (readOffset(bytes, at) === null) return 'its offset is not a valid offset';
  if (size < RECORDS_AT) return `it claims to be ${size} bytes long, which is shorter than its own header`;
  if (delta < 0) return `its last offset is ${-delta} below its first`;
  if (baseOffset < next) return `it begins at offset ${baseOffset}, and follows one that ends at offset ${next - 1}`;
  // A leader may send a few records beyond the end that it reports. Such records directly follow the others.
  if (baseOffset > after && baseOffset + delta >= stableEnd)
    return `it claims offset ${baseOffset}, offset ${after} should come next, and the log ends at offset ${stableEnd}`;
  return null;
}

/** What the header of a batch says of it, without a proof by its checksum. */
export interface ClaimedBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: number;
}

/** Reads only the header of the first batch. Null if the bytes do not begin with a header that can be right. */
export function claimOf(bytes: Buffer): ClaimedBatch | null {
  if (bytes.length < RECORDS_AT || bytes[MAGIC_AT] !== MAGIC) return null;
  const baseOffset = readOffset(bytes, 0);
  const delta = bytes.readInt32BE(LAST_OFFSET_DELTA_AT);
  if (baseOffset === null || delta < 0) return null;
  return { baseOffset, nextOffset: baseOffset + delta + 1, bytes: LENGTH_COUNTS_FROM + bytes.readInt32BE(LENGTH_AT) };
}

function readOffset(bytes: Buffer, at: number): number | null {
  const high = bytes.readInt32BE(at);
  return high < 0 || high >= 2 ** 21 ? null : readSafeInt64(bytes, at);
}

/**
 * Reads the header of a batch whose offsets and length can be right.
 * @throws BrokenBatchError if its checksum is wrong: then no other field can be trusted
 */
export function headerAt(bytes: Buffer, start: number): BatchHeader {
  const baseOffset = readSafeInt64(bytes, start);
  const lastOffset = baseOffset + bytes.readInt32BE(start + LAST_OFFSET_DELTA_AT);
  const end = start + LENGTH_COUNTS_FROM + bytes.readInt32BE(start + LENGTH_AT);
  const expected = bytes.readUInt32BE(start + CRC_AT);
  const actual = crc32c(bytes.subarray(start + ATTRIBUTES_AT, end));
  if (actual !== expected) {
    const hex = (crc: number) => crc.toString(16).padStart(8, '0');
    const why = `its checksum is ${hex(actual)}, and its header says ${hex(expected)}: its bytes were damaged`;
    const next = new IntactBatches(bytes).firstAfter(start, baseOffset + 1);
    throw new BrokenBatchError(baseOffset, next?.baseOffset ?? null, why);
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
