/**
 * Record batches of magic 2 (KIP-98) to records, read_committed, a few at a time.
 *
 * This is a hot path, up to a million records a second: nothing is decoded before it is asked for, and the only objects
 * made are the records themselves with slices for key and value. A batch's checksum is not verified: the broker did
 * when the batch was written, and TCP guards the way from there.
 */
import type { Header, LogRecord } from '../lib/record.js';
import { NO_HEADERS } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import { decompress } from './compression.js';
import type { AbortedTransaction } from './fetch-protocol.js';
import { readSafeInt64 } from './wire-format.js';

// Where the fields of a batch are.
const LENGTH_AT = 8;
const MAGIC_AT = 16;
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
const NO_PRODUCER_ID = -1n;
const CONTROL_TYPE_ABORT = 0;
const CONTROL_KEY_BYTES = 4;
/**
 * A producer may stamp a record with any int64, in nanoseconds too; no such stamp may stop its partition. What lies
 * beyond this becomes this: the year 144,683, and the largest that the store's signed numbers hold.
 */
const MAX_TIMESTAMP = 2 ** 52 - 1;

/**
 * The records that one fetch gave of one partition, decoded as they are read.
 *
 * Filters as the Java client does (org.apache.kafka.clients.consumer.internals.CompletedFetch): before each batch, the
 * aborted transactions that began at or below its last offset come into force; the abort marker of a producer ends
 * its one; transactional batches of producers in force are passed over, and so is every marker.
 */
export class FetchedRecords {
  /** The offset after the last whole batch: where the next fetch starts. */
  readonly end: number;
  /** Length of the whole batches in `bytes`; a batch cut off at the end does not count. */
  readonly #length: number;

  #at = 0;
  #position: number;
  /** Sorted by first offset; those before `#nextAborted` have come into force. */
  readonly #aborted: readonly AbortedTransaction[];
  #nextAborted = 0;
  readonly #abortedProducers = new Set<bigint>();

  // The batch under way; none while `#left` is 0.
  #left = 0;
  #records = new RecordBytes(EMPTY, 0);
  #baseOffset = 0;
  #baseTimestamp = 0;
  /** What every record of the batch is stamped with; null where each has its own. */
  #appendTime: number | null = null;
  /** Where in `#bytes` the batch after it begins, and its first offset. */
  #nextBatchAt = 0;
  #nextBatchOffset = 0;

  /**
   * @param bytes record batches; kept, and shared with the records
   * @param aborted as the broker lists them, which is in no order to rely on
   * @param from records below are dropped
   * @param leaderEpoch of the leader that gave them; -1 if it is not known
   * @throws BrokerError where the batches are older than magic 2 or make no sense
   */
  constructor(
    readonly bytes: Buffer,
    aborted: readonly AbortedTransaction[],
    private readonly from: number,
    readonly leaderEpoch = -1,
  ) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#position = from;
    const extent = extentOf(bytes);
    this.#length = extent.length;
    this.end = Math.max(from, extent.end);
  }

  /** Offset after the last record or batch passed; `end` once all is read. */
  get position(): number {
    return this.#position;
  }

  get exhausted(): boolean {
    return this.#left === 0 && this.#at >= this.#length;
  }

  /** Bytes not yet read, a compressed batch counting until its last record is. */
  get remainingBytes(): number {
    return Math.max(0, this.#length - this.#at);
  }

  /**
   * Appends records to `into` until it holds `max` or all is read, and moves `position`.
   * @throws BrokerError where a batch makes no sense or cannot be decompressed
   */
  read(into: LogRecord[], max: number): void {
    while (into.length < max && !this.exhausted) {
      if (this.#left === 0) this.#openBatch();
      if (this.#left > 0) this.#readRecords(into, max);
      if (this.#left === 0) this.#closeBatch();
    }
  }

  /** Makes the batch at `#at` the one under way; none of its records are left where it delivers none. */
  #openBatch(): void {
    const { bytes } = this;
    const start = this.#at;
    const baseOffset = readSafeInt64(bytes, start);
    const lastOffset = baseOffset + bytes.readInt32BE(start + LAST_OFFSET_DELTA_AT);
    this.#nextBatchAt = start + LENGTH_COUNTS_FROM + bytes.readInt32BE(start + LENGTH_AT);
    this.#nextBatchOffset = lastOffset + 1;

    const attributes = bytes.readInt16BE(start + ATTRIBUTES_AT);
    if (!this.#isDelivered(start, attributes, lastOffset) || lastOffset < this.from) return;
    const count = bytes.readInt32BE(start + COUNT_AT);
    if (count < 0) throw brokenRecord(baseOffset);
    this.#left = count;
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = Number(bytes.readBigInt64BE(start + BASE_TIMESTAMP_AT));
    this.#appendTime =
      (attributes & LOG_APPEND_TIME) !== 0 ? Number(bytes.readBigInt64BE(start + MAX_TIMESTAMP_AT)) : null;

    const codec = attributes & CODEC_MASK;
    this.#records =
      codec === 0
        ? new RecordBytes(bytes, start + RECORDS_AT)
        : new RecordBytes(this.#decompressBatch(codec, start, baseOffset), 0);
  }

  #decompressBatch(codec: number, start: number, baseOffset: number): Buffer {
    try {
      return decompress(codec, this.bytes.subarray(start + RECORDS_AT, this.#nextBatchAt));
    } catch (cause) {
      throw new BrokerError(`the record batch at offset ${baseOffset} cannot be read: ${String(cause)}`, { cause });
    }
  }

  #isDelivered(start: number, attributes: number, lastOffset: number): boolean {
    const control = (attributes & CONTROL) !== 0;
    const producerId = this.bytes.readBigInt64BE(start + PRODUCER_ID_AT);
    if (producerId === NO_PRODUCER_ID) return !control;
    for (let next; (next = this.#aborted[this.#nextAborted]) && next.firstOffset <= lastOffset; this.#nextAborted++)
      this.#abortedProducers.add(next.producerId);
    if (control) {
      if (isAbortMarker(this.bytes, start)) this.#abortedProducers.delete(producerId);
      return false;
    }
    return (attributes & TRANSACTIONAL) === 0 || !this.#abortedProducers.has(producerId);
  }

  #closeBatch(): void {
    this.#at = this.#nextBatchAt;
    this.#position = Math.max(this.#position, this.#nextBatchOffset);
  }

  #readRecords(into: LogRecord[], max: number): void {
    const records = this.#records;
    while (this.#left > 0 && into.length < max) {
      const record = records.next(this.#baseOffset, this.#baseTimestamp, this.#appendTime, this.from);
      this.#left--;
      if (record === null) continue;
      into.push(record);
      this.#position = record.offset + 1;
    }
    if (records.bytes === this.bytes) this.#at = records.at;
  }
}

/** The whole batches at the start of `bytes`: how long they are, and the offset after them. */
function extentOf(bytes: Buffer): { length: number; end: number } {
  let length = 0;
  let end = 0;
  while (length + RECORDS_AT <= bytes.length) {
    const magic = bytes.readInt8(length + MAGIC_AT);
    if (magic !== MAGIC)
      throw new BrokerError(`records of message format ${magic}: only 2 is read, which Kafka writes since 0.11`);
    const next = length + LENGTH_COUNTS_FROM + bytes.readInt32BE(length + LENGTH_AT);
    const baseOffset = readSafeInt64(bytes, length);
    if (next < length + RECORDS_AT)
      throw new BrokerError(`the record batch at offset ${baseOffset} is shorter than its own header`);
    if (next > bytes.length) break;
    end = baseOffset + bytes.readInt32BE(length + LAST_OFFSET_DELTA_AT) + 1;
    length = next;
  }
  return { length, end };
}

/** The key of a marker's one record is its version and its type. Compaction may have taken the record. */
function isAbortMarker(bytes: Buffer, start: number): boolean {
  if (bytes.readInt32BE(start + COUNT_AT) === 0) return false;
  const key = new RecordBytes(bytes, start + RECORDS_AT).next(0, 0, null, 0)?.key;
  if (key == null || key.length < CONTROL_KEY_BYTES)
    throw new BrokerError(`the transaction marker at offset ${readSafeInt64(bytes, start)} has no type`);
  return key.readInt16BE(2) === CONTROL_TYPE_ABORT;
}

const EMPTY = Buffer.alloc(0);

/** A cursor over the records of one batch. Reading past the end gives zeros, which the check of the length finds. */
class RecordBytes {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  /**
   * The record at the cursor, and the cursor after it; null for one below `from`.
   * @throws BrokerError where the record's fields do not fill its length exactly
   */
  next(baseOffset: number, baseTimestamp: number, appendTime: number | null, from: number): LogRecord | null {
    const length = this.#varint();
    const end = this.at + length;
    if (length <= 0 || end > this.bytes.length) throw brokenRecord(baseOffset);
    this.at++; // attributes, of which there are none
    const createTime = baseTimestamp + this.#varint();
    const offset = baseOffset + this.#varint();
    if (offset < from) {
      this.at = end;
      return null;
    }
    const key = this.#nullableSlice();
    const value = this.#nullableSlice();
    const count = this.#varint();
    const headers = count === 0 ? NO_HEADERS : this.#headers(count, end);
    if (this.at !== end) throw brokenRecord(offset);
    return { offset, timestamp: withinTimestamps(appendTime ?? createTime), key, value, headers };
  }

  #headers(count: number, end: number): Header[] {
    const headers: Header[] = [];
    for (let i = 0; i < count && this.at < end; i++) {
      const key = this.#nullableSlice();
      headers.push({ key: key === null ? '' : key.toString('utf8'), value: this.#nullableSlice() });
    }
    return headers;
  }

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
    throw new BrokerError('a record holds a number of more than 64 bits');
  }
}

function withinTimestamps(timestamp: number): number {
  return Math.max(-MAX_TIMESTAMP, Math.min(timestamp, MAX_TIMESTAMP));
}

function brokenRecord(offset: number): BrokerError {
  return new BrokerError(`the record at offset ${offset} (or its batch) is broken: its fields do not fill its length`);
}
