/** A record batch as a log stores it, and the batches that the brokers write themselves. */
import { gunzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { cutBatch, encodeBatch } from '../../../src/kafka/protocol/record-batch-encoder.js';
import type { RecordToWrite } from '../../../src/lib/record.js';

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const COUNT_AT = 57;
const HEADER_BYTES = 61;
const LENGTH_COUNTS_FROM = 12;
const MAGIC = 2;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const CODEC = 0x07;
const GZIP = 1;
const NO_PRODUCER_ID = -1n;
const NO_PRODUCER_EPOCH = -1;
const NO_SEQUENCE = -1;

/** The fields of a batch that do not depend on its place in a log. */
export interface Batch {
  readonly bytes: Buffer;
  readonly lastOffsetDelta: number;
  readonly count: number;
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  /** Set for a transaction marker. */
  readonly marker: Marker | null;
  /** What a broker wrote to an internal topic. */
  readonly payload?: unknown;
}

export interface Marker {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
}

export interface StoredBatch extends Batch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
}

export interface BatchProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** A producer that no coordinator knows: its transactions hang. */
export const HANGING_PRODUCER: BatchProducer = { producerId: 999_999_999n, producerEpoch: 0 };

/** The batches of a Produce request; null if the bytes are damaged. */
export function parseBatches(records: Buffer): Batch[] | null {
  const batches: Batch[] = [];
  for (let at = 0; at < records.length;) {
    if (records.length - at < HEADER_BYTES) return null;
    const end = at + LENGTH_COUNTS_FROM + records.readInt32BE(at + LENGTH_AT);
    if (end > records.length || end < at + HEADER_BYTES) return null;
    const bytes = records.subarray(at, end);
    if (bytes[MAGIC_AT] !== MAGIC || crc32c(bytes.subarray(ATTRIBUTES_AT)) !== bytes.readUInt32BE(CRC_AT)) return null;
    batches.push(parse(bytes, null));
    at = end;
  }
  return batches;
}

function parse(bytes: Buffer, marker: Marker | null): Batch {
  return {
    bytes,
    lastOffsetDelta: bytes.readInt32BE(LAST_OFFSET_DELTA_AT),
    count: bytes.readInt32BE(COUNT_AT),
    maxTimestamp: Number(bytes.readBigInt64BE(MAX_TIMESTAMP_AT)),
    producerId: bytes.readBigInt64BE(PRODUCER_ID_AT),
    producerEpoch: bytes.readInt16BE(PRODUCER_EPOCH_AT),
    baseSequence: bytes.readInt32BE(BASE_SEQUENCE_AT),
    isTransactional: (bytes.readInt16BE(ATTRIBUTES_AT) & TRANSACTIONAL) !== 0,
    marker,
  };
}

/** The batch at its place in a log. The checksum does not cover the fields that change. */
export function placed(batch: Batch, baseOffset: number, leaderEpoch: number): StoredBatch {
  const bytes = Buffer.from(batch.bytes);
  bytes.writeBigInt64BE(BigInt(baseOffset));
  bytes.writeInt32BE(leaderEpoch, LEADER_EPOCH_AT);
  return { ...batch, bytes, baseOffset, lastOffset: baseOffset + batch.lastOffsetDelta, leaderEpoch };
}

/** A record of an internal topic. With a producer, it belongs to that producer's transaction. */
export function stateBatch(payload: unknown, timestamp: number, producer: BatchProducer | null): Batch {
  const value = Buffer.from(JSON.stringify(payload));
  const record = { key: null, value, headers: [] };
  const bytes = singleRecord(record, timestamp, producer, producer === null ? 0 : TRANSACTIONAL);
  return { ...parse(bytes, null), payload };
}

/** A batch with one record, from a producer without transactions. */
export function plainBatch(record: RecordToWrite, timestamp: number): Batch {
  return parse(singleRecord(record, timestamp, null, 0), null);
}

export function transactionalBatch(record: RecordToWrite, timestamp: number, producer: BatchProducer): Batch {
  return parse(singleRecord(record, timestamp, producer, TRANSACTIONAL), null);
}

export function markerBatch(marker: Marker, producer: BatchProducer, timestamp: number): Batch {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.isCommit ? 1 : 0, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return parse(singleRecord({ key, value, headers: [] }, timestamp, producer, TRANSACTIONAL | CONTROL), marker);
}

function singleRecord(
  record: RecordToWrite,
  timestamp: number,
  producer: BatchProducer | null,
  attributes: number,
): Buffer {
  const records = [record];
  const cut = cutBatch(records, 0, Infinity, 1);
  const { producerId, producerEpoch } = producer ?? { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
  const bytes = Buffer.alloc(cut.bytes);
  encodeBatch(bytes, 0, records, 0, cut, { producerId, producerEpoch, firstSequence: NO_SEQUENCE, timestamp });
  bytes.writeInt16BE(attributes, ATTRIBUTES_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(ATTRIBUTES_AT)), CRC_AT);
  return bytes;
}

interface RecordBytes {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** The records of a batch as they are encoded, with their offsets. */
export function recordBytesOf({ bytes, baseOffset, count }: StoredBatch): RecordBytes[] {
  const isGzip = (bytes.readInt16BE(ATTRIBUTES_AT) & CODEC) === GZIP;
  const records = isGzip ? gunzipSync(bytes.subarray(HEADER_BYTES)) : bytes.subarray(HEADER_BYTES);
  let at = 0;
  return Array.from({ length: count }, () => {
    const length = zigzagAt(records, at);
    const end = length.end + length.value;
    const timestampDelta = zigzagAt(records, length.end + 1);
    const offset = baseOffset + zigzagAt(records, timestampDelta.end).value;
    const record = { offset, bytes: records.subarray(at, end) };
    at = end;
    return record;
  });
}

/** The batch with only these of its records, not compressed. Its offsets stay. */
export function withRecords(batch: StoredBatch, records: readonly RecordBytes[]): StoredBatch {
  const bytes = Buffer.concat([batch.bytes.subarray(0, HEADER_BYTES), ...records.map((record) => record.bytes)]);
  bytes.writeInt32BE(bytes.length - LENGTH_COUNTS_FROM, LENGTH_AT);
  bytes.writeInt16BE(bytes.readInt16BE(ATTRIBUTES_AT) & ~CODEC, ATTRIBUTES_AT);
  bytes.writeInt32BE(records.length, COUNT_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(ATTRIBUTES_AT)), CRC_AT);
  return { ...batch, bytes, count: records.length };
}

/** A signed varint of at most 53 bits. */
function zigzagAt(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0n;
  for (let at = from, shift = 0n; ; shift += 7n) {
    const byte = bytes.readUInt8(at++);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: Number((value >> 1n) ^ -(value & 1n)), end: at };
  }
}
