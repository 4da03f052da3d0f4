/** Reads the records of one batch, one after the other. */
import type { Header, LogRecord } from '../../lib/record.js';
import { NO_HEADERS } from '../../lib/record.js';
import type { BatchHeader } from './record-batch-header.js';

/**
 * The highest timestamp: the year 144,683. It is the largest signed number that the store's format can write. A producer may write any int64
 * as a timestamp, for example nanoseconds, and no timestamp may stop its partition. So higher timestamps become this
 * one.
 */
const MAX_TIMESTAMP = 2 ** 52 - 1;

/** About how many bytes of memory a header takes. In the batch a header may take only two bytes. */
const HEADER_MEMORY_BYTES = 160;
const HUGE_HEADERS_BYTES = 2 * 1024 * 1024;
/** More headers than a record can have in a batch of 1 MiB. */
const MAX_HEADERS = 1_000_000;

/** The most bytes of a number of 64 bits. */
export const MAX_VARINT_BYTES = 10;

/** The headers of a record take so much memory that it is read only in its turn. The cursor stays before the record. */
export class HugeHeadersError extends Error {
  constructor(readonly bytes: number) {
    super('its headers take much memory');
  }
}

/** The fields of a batch that concern all its records. */
type OfBatch = Pick<BatchHeader, 'baseOffset' | 'lastOffset' | 'baseTimestamp' | 'appendTime'>;

/**
 * A cursor over the records of one batch. This is a hot path, so it reads a whole record first, and only then checks
 * that the record stays within its length. Until then, bytes beyond the end are read as zeros.
 */
export class RecordBytes {
  /** About how many bytes of memory the headers read so far take. */
  headerMemory = 0;
  /** The most bytes of memory that the headers of the next record may take. */
  maxHeaderMemory = HUGE_HEADERS_BYTES;

  /**
   * @param at where the next record begins
   * @param end where the records end
   */
  constructor(
    readonly bytes: Buffer,
    public at: number,
    readonly end: number,
  ) {}

  /**
   * Reads the record at the cursor, and moves the cursor after it. Null if its offset is below `from`.
   * @param least the lowest offset that the record may have: earlier records of the batch have lower ones
   * @throws RangeError if its fields do not fill its length exactly, or if its offset is impossible; HugeHeadersError
   */
  next(batch: OfBatch, from: number, least: number): LogRecord | null {
    const start = this.at;
    const length = this.#varint();
    const end = this.at + length;
    if (length <= 0 || end > this.end) throw new RangeError(`a record claims to be ${length} bytes long`);
    this.at++; // attributes: none are defined
    const createTime = batch.baseTimestamp + this.#varint();
    const offset = batch.baseOffset + this.#varint();
    if (offset < least || offset > batch.lastOffset) throw new RangeError(`a record claims to be at offset ${offset}`);
    if (offset < from) {
      this.at = end;
      return null;
    }
    const key = this.#nullableSlice();
    const value = this.#nullableSlice();
    const count = this.#varint();
    const headers = count === 0 ? NO_HEADERS : this.#headers(count, start, end);
    if (this.at !== end) throw new RangeError(`the fields of the record at offset ${offset} do not fill its length`);
    return { offset, timestamp: withinTimestamps(batch.appendTime ?? createTime), key, value, headers };
  }

  /** Where the record at the cursor ends, by its length. */
  endOfNext(): number {
    return this.#varint() + this.at;
  }

  #headers(count: number, start: number, end: number): Header[] {
    if (count < 0) throw new RangeError(`a record claims to have ${count} headers`);
    if (count > MAX_HEADERS) throw new RangeError(`a record has ${count} headers, more than ${MAX_HEADERS}`);
    const memory = count * HEADER_MEMORY_BYTES;
    if (memory > this.maxHeaderMemory) {
      this.at = start;
      throw new HugeHeadersError(memory);
    }
    this.maxHeaderMemory = HUGE_HEADERS_BYTES;
    this.headerMemory += memory;
    const headers: Header[] = [];
    for (let i = 0; i < count; i++) {
      if (this.at >= end) throw new RangeError(`a record claims to have ${count} headers, and has ${i}`);
      const key = this.#nullableSlice();
      headers.push({ key: key === null ? '' : key.toString('utf8'), value: this.#nullableSlice() });
    }
    return headers;
  }

  /** Null for any negative length, as in the Java client. */
  #nullableSlice(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }

  /** A zigzag varint or varlong, exact up to 2^53. */
  #varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = bytes[this.at++]!;
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    return this.#longVarint(raw);
  }

  /** Reads the rest of a varint of more than 28 bits, which is too long for bitwise operators. */
  #longVarint(low: number): number {
    let raw = low;
    for (let scale = 2 ** 28; scale <= 2 ** 63; scale *= 128) {
      const byte = this.bytes[this.at++]!;
      raw += (byte & 0x7f) * scale;
      // The sign is in the lowest bit. Beyond 2^53, `raw` does not have this bit.
      if (byte < 0x80) return (low & 1) === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    throw new RangeError('a record holds a number of more than 64 bits');
  }
}

/**
 * Where the record at `at` ends, by its length. At most `at` if it is not a record. It must not be called less than
 * MAX_VARINT_BYTES before the end of the bytes, because the length may be cut off there.
 */
export function endOfRecord(bytes: Buffer, at: number): number {
  try {
    return new RecordBytes(bytes, at, bytes.length).endOfNext();
  } catch {
    return at; // `next` throws the error of this record.
  }
}

function withinTimestamps(timestamp: number): number {
  return Math.max(-MAX_TIMESTAMP, Math.min(timestamp, MAX_TIMESTAMP));
}
