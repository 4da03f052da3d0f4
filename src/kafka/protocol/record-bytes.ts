/** The records of one batch, one after the other. */
import type { Header, LogRecord } from '../../lib/record.js';
import { NO_HEADERS } from '../../lib/record.js';
import type { BatchHeader } from './record-batch-header.js';

/**
 * A producer may stamp a record with any int64, in nanoseconds too; no such stamp may stop its partition. What lies
 * beyond this becomes this: the year 144,683, and the largest that the store's signed numbers hold.
 */
const MAX_TIMESTAMP = 2 ** 52 - 1;

/** About what a header takes in memory, while two bytes may make one. */
const HEADER_MEMORY_BYTES = 160;
/** More than one record has that fits into a batch of 1 MiB. */
const MAX_HEADERS = 1_000_000;

/** What a batch says of all its records. */
type OfBatch = Pick<BatchHeader, 'baseOffset' | 'lastOffset' | 'baseTimestamp' | 'appendTime'>;

/**
 * A cursor over the records of one batch. This is a hot path: whether a record stays within its length is checked once
 * it has been read. Until then, what lies beyond the bytes counts as zeros.
 */
export class RecordBytes {
  /** About what the headers read so far take in memory. */
  headerMemory = 0;

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
   * The record at the cursor, and the cursor after it; null for one below `from`.
   * @param least no record before it in the batch has an offset as high
   * @throws RangeError if its fields do not fill its length exactly, or its offset cannot be its
   */
  next(batch: OfBatch, from: number, least: number): LogRecord | null {
    const length = this.#varint();
    const end = this.at + length;
    if (length <= 0 || end > this.end) throw new RangeError(`a record claims to be ${length} bytes long`);
    this.at++; // attributes, of which there are none
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
    const headers = count === 0 ? NO_HEADERS : this.#headers(count, end);
    if (this.at !== end) throw new RangeError(`the fields of the record at offset ${offset} do not fill its length`);
    return { offset, timestamp: withinTimestamps(batch.appendTime ?? createTime), key, value, headers };
  }

  /** Where the records end that follow the cursor: at most `maxRecords` of them, and one or as many as `maxBytes` hold. */
  endOfNext(maxRecords: number, maxBytes: number): number {
    const start = this.at;
    let end = start;
    for (let i = 0; i < maxRecords && this.at < this.end; i++) {
      const next = this.#varint() + this.at;
      if (next <= this.at || next > this.end) break; // `next` says what is wrong with it.
      if (i > 0 && next - start > maxBytes) break;
      end = this.at = next;
    }
    this.at = start;
    return end === start ? this.end : end;
  }

  #headers(count: number, end: number): Header[] {
    if (count < 0) throw new RangeError(`a record claims to have ${count} headers`);
    if (count > MAX_HEADERS) throw new RangeError(`a record has ${count} headers, more than ${MAX_HEADERS}`);
    this.headerMemory += count * HEADER_MEMORY_BYTES;
    const headers: Header[] = [];
    for (let i = 0; i < count; i++) {
      if (this.at >= end) throw new RangeError(`a record claims to have ${count} headers, and has ${i}`);
      const key = this.#nullableSlice();
      headers.push({ key: key === null ? '' : key.toString('utf8'), value: this.#nullableSlice() });
    }
    return headers;
  }

  /** Null for any negative length, as in Java's client. */
  #nullableSlice(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }

  /** A zig-zag varint or varlong: exact up to 2^53. */
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

  /** The rest of a varint of more than 28 bits, beyond what bitwise operators can do. */
  #longVarint(low: number): number {
    let raw = low;
    for (let scale = 2 ** 28; scale <= 2 ** 63; scale *= 128) {
      const byte = this.bytes[this.at++]!;
      raw += (byte & 0x7f) * scale;
      // The sign is in the lowest bit, which `raw` loses beyond 2^53.
      if (byte < 0x80) return (low & 1) === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    throw new RangeError('a record holds a number of more than 64 bits');
  }
}

function withinTimestamps(timestamp: number): number {
  return Math.max(-MAX_TIMESTAMP, Math.min(timestamp, MAX_TIMESTAMP));
}
