import { crc32c } from '@node-rs/crc32';
import { FetchedRecords } from '../../../src/kafka/protocol/record-batch-decoder.js';
import { compressBatch, cutBatch, encodeBatch } from '../../../src/kafka/protocol/record-batch-encoder.js';
import type { LogRecord, RecordToWrite } from '../../../src/lib/record.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget } from '../target.js';

const MAX_BATCH_BYTES = [64 * 1024, 3 * MIB];
const RECORDS_A_READ = 50;
const MAX_READ_BYTES = 100_000;
const HEADER_BYTES = 2;
const CORRECTS_CHECKSUMS = 1;
const IS_SMALL = 2;
const HAS_ABORTED = 4;
const HAS_NO_GAPS = 8;

/** A first byte of flags, a second byte for the offset that was asked for, then batches as in the answer to Fetch. */
export const recordBatches: FuzzTarget = {
  name: 'record-batches',
  input: 'record batches of a fetch, also damaged and compressed ones',
  mayThrow: ['BrokenBatchError'],
  maxMs: 400,
  // What a batch may decompress to, and the work memory of a codec.
  maxBytes: { fixed: 24 * MIB, perByte: 400 },
  maxInputBytes: 16 * 1024,
  tokens: [
    Buffer.from([0x04, 0x22, 0x4d, 0x18]),
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    Buffer.from('\x82SNAPPY\0', 'latin1'),
  ],
  samples,
  open: () => ({ run }),
};

async function run(input: Buffer): Promise<void> {
  const [flags = 0, from = 0] = input;
  const bytes = input.subarray(HEADER_BYTES);
  const copy = Buffer.from(bytes);
  if ((flags & CORRECTS_CHECKSUMS) !== 0) correctChecksums(copy);
  const aborted = (flags & HAS_ABORTED) === 0 ? [] : [{ producerId: 7n, firstOffset: 0 }];
  const maxBytes = MAX_BATCH_BYTES[(flags & IS_SMALL) === 0 ? 1 : 0];
  const stableEnd = (flags & HAS_NO_GAPS) === 0 ? Infinity : 200;
  const fetched = new FetchedRecords(copy, aborted, from, maxBytes, -1, stableEnd);
  let next = from;
  while (!fetched.exhausted) {
    const before = [fetched.position, fetched.remainingBytes, fetched.largeBytes].join();
    if (fetched.needsLarge) await fetched.openLarge();
    const records: LogRecord[] = [];
    fetched.read(records, RECORDS_A_READ, MAX_READ_BYTES);
    for (const { offset } of records) {
      if (offset < next) throw new ContradictionError(`offset ${offset} after ${next - 1}`);
      next = offset + 1;
    }
    const isStill = records.length === 0 && !fetched.needsLarge;
    if (isStill && before === [fetched.position, fetched.remainingBytes, fetched.largeBytes].join())
      throw new ContradictionError(`no progress at ${fetched.position}`);
  }
  if (fetched.position !== fetched.end)
    throw new ContradictionError(`everything was read up to ${fetched.position}, but the end is ${fetched.end}`);
}

/** Makes the checksum of each batch right, so that the fields behind it are read. */
function correctChecksums(bytes: Buffer): void {
  for (let at = 0; at + 61 <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end < at + 61 || end > bytes.length) return;
    bytes.writeUInt32BE(crc32c(bytes.subarray(at + 21, end)), at + 17);
    at = end;
  }
}

async function samples(): Promise<ReadonlyMap<string, Buffer>> {
  const plain = batchOf([record('acme', 'one'), record('acme', 'two'), record('beta', null)]);
  const many = batchOf(Array.from({ length: 40 }, (_, i) => record(`company-${i}`, 'x'.repeat(40))));
  const withHeaders = batchOf([{ ...record('acme', 'v'), headers: [{ key: 'repairs', value: Buffer.from('3/17') }] }]);
  const gzip = await compressBatch(many);
  const flagged = (flags: number, ...batches: Buffer[]): Buffer => Buffer.concat([Buffer.of(flags, 0), ...batches]);
  const codec = (number: number, body: Buffer): Buffer => withBody(many, number, body);
  return samplesOf({
    plain: flagged(CORRECTS_CHECKSUMS, plain),
    headers: flagged(CORRECTS_CHECKSUMS, withHeaders),
    gzip: flagged(CORRECTS_CHECKSUMS, gzip, plain),
    'gzip-small': flagged(CORRECTS_CHECKSUMS | IS_SMALL, gzip),
    aborted: flagged(CORRECTS_CHECKSUMS | HAS_ABORTED, plain, many),
    damaged: flagged(HAS_NO_GAPS, plain, many),
    snappy: flagged(CORRECTS_CHECKSUMS, codec(2, snappyLiteral(plain.subarray(61)))),
    lz4: flagged(CORRECTS_CHECKSUMS, codec(3, lz4Stored(plain.subarray(61)))),
    zstd: flagged(CORRECTS_CHECKSUMS, codec(4, zstdStored(plain.subarray(61)))),
  });
}

function record(key: string, value: string | null): RecordToWrite {
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value), headers: [] };
}

function batchOf(records: readonly RecordToWrite[]): Buffer {
  const cut = cutBatch(records, 0, Infinity, records.length);
  const bytes = Buffer.alloc(cut.bytes);
  encodeBatch(bytes, 0, records, 0, cut, {
    producerId: 7n,
    producerEpoch: 0,
    firstSequence: 0,
    timestamp: 1_700_000_000_000,
  });
  return bytes;
}

/** The header of a batch before another body. */
function withBody(batch: Buffer, codec: number, body: Buffer): Buffer {
  const bytes = Buffer.concat([batch.subarray(0, 61), body]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt16BE(0x10 | codec, 21);
  bytes.writeInt32BE(2, 23);
  bytes.writeInt32BE(3, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** One block of one literal. */
export function snappyLiteral(bytes: Buffer): Buffer {
  if (bytes.length > 60) return Buffer.concat([uvarint(bytes.length), Buffer.of(60 << 2, bytes.length - 1), bytes]);
  return Buffer.concat([uvarint(bytes.length), Buffer.of((bytes.length - 1) << 2), bytes]);
}

/** A frame of one stored block. */
export function lz4Stored(bytes: Buffer): Buffer {
  const frame = Buffer.alloc(7 + 4 + bytes.length + 4);
  frame.writeUInt32LE(0x184d2204, 0);
  frame[4] = 0x60;
  frame[5] = 0x40;
  frame.writeUInt32LE((0x80000000 | bytes.length) >>> 0, 7);
  bytes.copy(frame, 11);
  return frame;
}

/** A frame of one raw block, of a single segment with its size in one byte. */
export function zstdStored(bytes: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  header[4] = 0x20;
  header[5] = bytes.length;
  header.writeUIntLE(1 | (bytes.length << 3), 6, 3);
  return Buffer.concat([header, bytes]);
}

function uvarint(value: number): Buffer {
  return value < 0x80 ? Buffer.of(value) : Buffer.of((value & 0x7f) | 0x80, value >> 7);
}
