/** Reads the records of a replica for tests: without a client, and without code of `src`. */
import { gunzipSync } from 'node:zlib';
import type { StoredBatch } from './batch.js';
import type { Replica } from './replica.js';

export type Isolation = 'read_committed' | 'read_uncommitted';

export interface SimulatedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

const RECORDS_AT = 61;
const ATTRIBUTES_AT = 21;
const BASE_TIMESTAMP_AT = 27;
const CODEC = 0x07;
const GZIP = 1;

export function readRecords(
  { log, highWatermark, lastStableOffset }: Pick<Replica, 'log' | 'highWatermark' | 'lastStableOffset'>,
  isolation: Isolation,
): SimulatedRecord[] {
  const isCommitted = isolation === 'read_committed';
  const batches = log.read(log.start, isCommitted ? lastStableOffset : highWatermark, Infinity);
  const aborted = isCommitted ? abortedBatches(log.batches) : new Set<StoredBatch>();
  return batches.filter((batch) => batch.marker === null && !aborted.has(batch)).flatMap(recordsOf);
}

/** The next marker of its producer decides about a batch. */
export function abortedBatches(batches: readonly StoredBatch[]): Set<StoredBatch> {
  const aborted = new Set<StoredBatch>();
  const open = new Map<bigint, StoredBatch[]>();
  for (const batch of batches) {
    if (!batch.isTransactional) continue;
    if (batch.marker === null) open.set(batch.producerId, [...(open.get(batch.producerId) ?? []), batch]);
    else {
      if (!batch.marker.isCommit) for (const each of open.get(batch.producerId) ?? []) aborted.add(each);
      open.delete(batch.producerId);
    }
  }
  return aborted;
}

/** A batch never changes, and tests read the same batches many times. */
const RECORDS = new WeakMap<StoredBatch, readonly SimulatedRecord[]>();

/** @returns the same objects for the same batch */
export function recordsOf(batch: StoredBatch): readonly SimulatedRecord[] {
  const known = RECORDS.get(batch);
  if (known !== undefined) return known;
  const records = decoded(batch);
  RECORDS.set(batch, records);
  return records;
}

function decoded({ bytes, baseOffset, count }: StoredBatch): SimulatedRecord[] {
  const codec = bytes.readInt16BE(ATTRIBUTES_AT) & CODEC;
  if (codec > GZIP) throw new Error(`the simulated log cannot read codec ${codec}`);
  const records = bytes.subarray(RECORDS_AT);
  const reader = new RecordReader(codec === GZIP ? gunzipSync(records) : records);
  const baseTimestamp = Number(bytes.readBigInt64BE(BASE_TIMESTAMP_AT));
  return Array.from({ length: count }, () => reader.record(baseOffset, baseTimestamp));
}

/** The fields of a record: all numbers are zigzag varints (KIP-98). */
class RecordReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  record(baseOffset: number, baseTimestamp: number): SimulatedRecord {
    this.#varint(); // Its length.
    this.#at++; // Its attributes: none are defined.
    const timestamp = baseTimestamp + this.#varint();
    const offset = baseOffset + this.#varint();
    const [key, value] = [this.#nullable(), this.#nullable()];
    const headers = Array.from({ length: this.#varint() }, () => ({
      key: String(this.#nullable()),
      value: this.#nullable(),
    }));
    return { offset, timestamp, key, value, headers };
  }

  #nullable(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes.readUInt8(this.#at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
  }
}
