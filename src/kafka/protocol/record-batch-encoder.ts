/**
 * Encodes records for a Produce request, as transactional record batches of magic 2 (KIP-98). A batch is compressed
 * only if it has a single record, which is too large uncompressed.
 *
 * This is a hot path, with up to 200,000 records a second. A first pass over the records finds where each batch ends,
 * and how many bytes it takes. A second pass writes the batch into a buffer of exactly that size. No memory is
 * allocated for each record.
 */
import { crc32c } from '@node-rs/crc32';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Header, RecordToWrite } from '../../lib/record.js';

/** The producer and the time of a batch, which are the same for all its records. */
export interface BatchOrigin {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence number of the first record, 0 to 2^31 - 1. */
  readonly firstSequence: number;
  /** Milliseconds since the epoch: the Kafka timestamp of every record of the batch. */
  readonly timestamp: number;
}

/** Where one batch ends. */
export interface BatchCut {
  /** Index of the first record after the batch. */
  readonly end: number;
  /** Size of the batch, including its header. */
  readonly bytes: number;
}

const MAGIC = 2;
const ATTRIBUTE_TRANSACTIONAL = 0x10;
const ATTRIBUTE_GZIP = 0x01;
const NO_LEADER_EPOCH = -1;
/** Bytes before the first record. */
const BATCH_HEADER_BYTES = 61;
/** Base offset and length. The length field does not count them. */
const LENGTH_COUNTS_FROM = 12;
const CRC_AT = 17;
/** The checksum covers the bytes from the attributes on. */
const CRC_COVERS_FROM = 21;
const LENGTH_AT = 8;
const NULL_LENGTH = -1;
const SEQUENCE_NUMBERS = 2 ** 31;

/** The sequence number after `count` more records. After 2^31 - 1 the numbers start again at 0 (KIP-98). */
export function nextSequence(firstSequence: number, count: number): number {
  return (firstSequence + count) % SEQUENCE_NUMBERS;
}

/**
 * Finds the end of a batch that begins at `start`: as many records as fit, and at least one. A record larger than
 * `maxBytes` gets a batch of its own. So if a broker refuses the batch, the refusal is about that record.
 *
 * @param maxBytes the limit of the whole batch
 */
export function cutBatch(
  records: readonly RecordToWrite[],
  start: number,
  maxBytes: number,
  maxRecords: number,
): BatchCut {
  const limit = Math.min(records.length, start + maxRecords);
  let bytes = BATCH_HEADER_BYTES;
  let end = start;
  while (end < limit) {
    const body = bodySize(records[end]!, end - start);
    const size = varintSize(body) + body;
    if (end > start && bytes + size > maxBytes) break;
    bytes += size;
    end++;
  }
  return { end, bytes };
}

/**
 * Writes the records from `start` to the end of `cut` as one batch into `out` at `at`.
 *
 * @returns where the batch ends in `out`
 */
export function encodeBatch(
  out: Buffer,
  at: number,
  records: readonly RecordToWrite[],
  start: number,
  cut: BatchCut,
  origin: BatchOrigin,
): number {
  const end = at + cut.bytes;
  let pos = at + BATCH_HEADER_BYTES;
  for (let i = start; i < cut.end; i++) pos = writeRecord(out, pos, records[i]!, i - start);
  if (pos !== end) throw new Error(`a record batch took ${pos - at} bytes, but ${cut.bytes} were counted`);

  const timestamp = BigInt(origin.timestamp);
  const count = cut.end - start;
  out.writeBigInt64BE(0n, at);
  out.writeInt32BE(cut.bytes - LENGTH_COUNTS_FROM, at + LENGTH_AT);
  out.writeInt32BE(NO_LEADER_EPOCH, at + 12);
  out.writeInt8(MAGIC, at + 16);
  out.writeInt16BE(ATTRIBUTE_TRANSACTIONAL, at + CRC_COVERS_FROM);
  out.writeInt32BE(count - 1, at + 23);
  out.writeBigInt64BE(timestamp, at + 27);
  out.writeBigInt64BE(timestamp, at + 35);
  out.writeBigInt64BE(origin.producerId, at + 43);
  out.writeInt16BE(origin.producerEpoch, at + 51);
  out.writeInt32BE(origin.firstSequence, at + 53);
  out.writeInt32BE(count, at + 57);
  out.writeUInt32BE(crc32c(out.subarray(at + CRC_COVERS_FROM, end)), at + CRC_AT);
  return end;
}

/**
 * Encodes a batch as `encodeBatch` does, and compresses it outside the event loop. If the result is not smaller,
 * returns the uncompressed batch.
 *
 * It uses gzip, because Node 20 has no other codec that brokers accept. Compressing costs the writer about 15 ms for
 * each MB, and each reader 4 ms (`npm run bench:costs`). So a batch that fits uncompressed is not compressed.
 */
export async function compressBatch(batch: Buffer): Promise<Buffer> {
  const records = await promisify(gzip)(batch.subarray(BATCH_HEADER_BYTES));
  const bytes = BATCH_HEADER_BYTES + records.length;
  if (bytes >= batch.length) return batch;
  const out = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), records], bytes);
  out.writeInt32BE(bytes - LENGTH_COUNTS_FROM, LENGTH_AT);
  out.writeInt16BE(out.readInt16BE(CRC_COVERS_FROM) | ATTRIBUTE_GZIP, CRC_COVERS_FROM);
  out.writeUInt32BE(crc32c(out.subarray(CRC_COVERS_FROM, bytes)), CRC_AT);
  return out;
}

/** Bytes of a record after its length field. */
function bodySize(record: RecordToWrite, offsetDelta: number): number {
  const { key, value, headers } = record;
  return 2 + varintSize(offsetDelta) + nullableSize(key) + nullableSize(value) + headersSize(headers);
}

function headersSize(headers: readonly Header[]): number {
  if (headers.length === 0) return 1; // Most records have no headers, and even an empty loop would create an iterator.
  let size = varintSize(headers.length);
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key);
    size += varintSize(keyBytes) + keyBytes + nullableSize(value);
  }
  return size;
}

function nullableSize(bytes: Buffer | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeRecord(out: Buffer, at: number, record: RecordToWrite, offsetDelta: number): number {
  let pos = writeVarint(out, at, bodySize(record, offsetDelta));
  out[pos++] = 0; // attributes: none are defined
  out[pos++] = 0; // timestamp delta: all records of a batch have the same timestamp
  pos = writeVarint(out, pos, offsetDelta);
  pos = writeNullable(out, pos, record.key);
  pos = writeNullable(out, pos, record.value);
  return writeHeaders(out, pos, record.headers);
}

function writeHeaders(out: Buffer, at: number, headers: readonly Header[]): number {
  let pos = writeVarint(out, at, headers.length);
  if (headers.length === 0) return pos;
  for (const { key, value } of headers) {
    pos = writeVarint(out, pos, Buffer.byteLength(key));
    pos += out.write(key, pos);
    pos = writeNullable(out, pos, value);
  }
  return pos;
}

function writeNullable(out: Buffer, at: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(out, at, NULL_LENGTH);
  const pos = writeVarint(out, at, bytes.length);
  out.set(bytes, pos);
  return pos + bytes.length;
}

/** Bytes of a zigzag varint; for 0 to 2^30 - 1. */
function varintSize(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x10_0000 ? 3 : value < 0x800_0000 ? 4 : 5;
}

/** A zigzag varint; for -1 to 2^30 - 1. */
function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let pos = at;
  while (rest > 0x7f) {
    out[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[pos++] = rest;
  return pos;
}
