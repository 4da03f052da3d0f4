/** Record batches of magic 2 as a broker has them in its log; shares no code with the decoder or the encoder. */

export interface BatchRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp?: number | bigint;
  readonly headers?: readonly (readonly [key: string, value: Buffer | null])[];
}

export interface BatchToBuild {
  readonly baseOffset: number;
  /** May be after the last record: records that compaction removed still count. */
  readonly lastOffset: number;
  readonly records: readonly BatchRecord[];
  readonly baseTimestamp?: number | bigint;
  readonly maxTimestamp?: number | bigint;
  readonly producerId?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly logAppendTime?: boolean;
  readonly codec?: number;
  readonly magic?: number;
  /** Bytes that replace the encoded records. */
  readonly body?: Buffer;
  /** The number of records in the header; by default the real number. */
  readonly count?: number;
}

export function buildBatch(batch: BatchToBuild): Buffer {
  const { baseOffset, baseTimestamp = 0 } = batch;
  const body = batch.body ?? Buffer.concat(batch.records.map((r) => buildRecord(r, baseOffset, baseTimestamp)));
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(baseOffset), 0);
  header.writeInt32BE(header.length - 12 + body.length, 8);
  header.writeInt8(batch.magic ?? 2, 16);
  let attributes = batch.codec ?? 0;
  if (batch.logAppendTime === true) attributes |= 8;
  if (batch.transactional === true) attributes |= 16;
  if (batch.control === true) attributes |= 32;
  header.writeInt16BE(attributes, 21);
  header.writeInt32BE(batch.lastOffset - baseOffset, 23);
  header.writeBigInt64BE(BigInt(baseTimestamp), 27);
  header.writeBigInt64BE(BigInt(batch.maxTimestamp ?? baseTimestamp), 35);
  header.writeBigInt64BE(BigInt(batch.producerId ?? -1), 43);
  header.writeInt32BE(batch.count ?? batch.records.length, 57);
  return withChecksum(Buffer.concat([header, body]));
}

/** Corrects the checksum of a batch after its bytes were changed. */
export function withChecksum(batch: Buffer): Buffer {
  let crc = -1;
  for (const byte of batch.subarray(21)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  batch.writeUInt32BE(~crc >>> 0, 17);
  return batch;
}

export function buildMarker(offset: number, producerId: number, outcome: 'commit' | 'abort'): Buffer {
  const key = Buffer.from([0, 0, 0, outcome === 'abort' ? 0 : 1]);
  const records = [{ offset, key, value: Buffer.alloc(6) }];
  return buildBatch({
    baseOffset: offset,
    lastOffset: offset,
    records,
    producerId,
    transactional: true,
    control: true,
  });
}

function buildRecord(record: BatchRecord, baseOffset: number, baseTimestamp: number | bigint): Buffer {
  const headers = record.headers ?? [];
  const fields = Buffer.concat([
    Buffer.from([0]),
    varint(BigInt(record.timestamp ?? baseTimestamp) - BigInt(baseTimestamp)),
    varint(record.offset - baseOffset),
    sized(record.key),
    sized(record.value),
    varint(headers.length),
    ...headers.flatMap(([key, value]) => [sized(Buffer.from(key)), sized(value)]),
  ]);
  return Buffer.concat([varint(fields.length), fields]);
}

function sized(bytes: Buffer | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

/** Zig-zag, seven bits a byte. */
function varint(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
