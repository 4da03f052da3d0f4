import Decoder from 'kafkajs/src/protocol/decoder.js';
import encodeRecordByKafkaJs from 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
import decodeBatchByKafkaJs from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import { RecordBatch } from 'kafkajs/src/protocol/recordBatch/v0/index.js';
import { randomBytes } from 'node:crypto';
import { FetchedRecords } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import {
  compressBatch,
  cutBatch,
  encodeBatch,
  type BatchOrigin,
} from '../../../../src/kafka/protocol/record-batch-encoder.js';
import type { Header, LogRecord, RecordToWrite } from '../../../../src/lib/record.js';

const ORIGIN: BatchOrigin = {
  producerId: 7_000_000_000n,
  producerEpoch: 12,
  firstSequence: 2_147_483_640,
  timestamp: 1_700_000_000_123,
};
const PLENTY = 100_000_000;

function record(key: Buffer | null, value: Buffer | null, headers: readonly Header[] = []): RecordToWrite {
  return { key, value, headers };
}

function encode(records: readonly RecordToWrite[], at = 0): Buffer {
  const cut = cutBatch(records, 0, PLENTY, PLENTY);
  const out = Buffer.alloc(at + cut.bytes);
  expect(encodeBatch(out, at, records, 0, cut, ORIGIN)).toBe(out.length);
  return out.subarray(at);
}

async function encodeByKafkaJs(records: readonly RecordToWrite[]): Promise<Buffer> {
  const encoded = records.map(({ key, value, headers }, offsetDelta) => {
    const byKey: Record<string, Buffer[]> = {};
    for (const header of headers) (byKey[header.key] ??= []).push(header.value ?? Buffer.alloc(0));
    return encodeRecordByKafkaJs({ offsetDelta, key, value, headers: byKey });
  });
  const batch = await RecordBatch({
    partitionLeaderEpoch: -1,
    firstTimestamp: ORIGIN.timestamp,
    maxTimestamp: ORIGIN.timestamp,
    lastOffsetDelta: records.length - 1,
    transactional: true,
    producerId: ORIGIN.producerId.toString(),
    producerEpoch: ORIGIN.producerEpoch,
    firstSequence: ORIGIN.firstSequence,
    records: encoded,
  });
  return batch.buffer;
}

// Lengths around the borders of one, two and three varint bytes, and more records than one varint byte counts.
const LENGTHS = [0, 1, 50, 54, 55, 56, 57, 58, 63, 64, 65, 8_180, 8_190, 8_191, 8_192, 8_193, 1_048_575, 1_048_577];
const VARIED = [
  ...LENGTHS.map((length) => record(Buffer.from(`key-${length}`), Buffer.alloc(length, 'v'))),
  ...LENGTHS.map((length) => record(Buffer.alloc(length, 'k'), null)),
  record(null, Buffer.from('without a key')),
  record(Buffer.from('k'), Buffer.from('v'), [
    { key: 'ce_type', value: Buffer.from('company.synchronized.v1') },
    { key: 'größe', value: Buffer.from([0, 255, 128]) },
    { key: '', value: Buffer.alloc(0) },
    { key: 'twice', value: Buffer.from('1') },
    { key: 'twice', value: Buffer.from('2') },
  ]),
  ...Array.from({ length: 100 }, (_, i) => record(Buffer.from(String(i)), Buffer.from('x'))),
];

test("a batch is byte for byte that of kafkajs's own encoder", async () => {
  expect(encode(VARIED).equals(await encodeByKafkaJs(VARIED))).toBe(true);
});

test('a batch behind a request header is the same batch', () => {
  expect(encode(VARIED, 77).equals(encode(VARIED))).toBe(true);
});

test('a null header value stays null, and an empty one empty', async () => {
  const headers = [
    { key: 'null', value: null },
    { key: 'empty', value: Buffer.alloc(0) },
  ];
  const { records } = await decodeBatchByKafkaJs(new Decoder(encode([record(null, null, headers)])));
  expect(records).toHaveLength(1);
  expect(records[0]?.headers).toEqual({ null: null, empty: Buffer.alloc(0) });
  expect([records[0]?.key, records[0]?.value]).toEqual([null, null]);
});

describe('cutting', () => {
  const hundreds = Array.from({ length: 50 }, (_, i) => record(Buffer.from(String(i)), Buffer.alloc(100)));

  function cutAll(records: readonly RecordToWrite[], maxBytes: number, maxRecords: number) {
    const cuts: { count: number; bytes: number }[] = [];
    for (let start = 0; start < records.length;) {
      const { end, bytes } = cutBatch(records, start, maxBytes, maxRecords);
      cuts.push({ count: end - start, bytes });
      start = end;
    }
    return cuts;
  }

  test('no batch is larger than the limit, and none could take one record more', () => {
    const cuts = cutAll(hundreds, 1_000, PLENTY);
    for (const { bytes } of cuts) expect(bytes).toBeLessThanOrEqual(1_000);
    for (const { bytes } of cuts.slice(0, -1)) expect(bytes).toBeGreaterThan(1_000 - 120);
    expect(cuts.reduce((sum, { count }) => sum + count, 0)).toBe(50);
  });

  test('no batch has more records than the limit', () => {
    expect(cutAll(hundreds, PLENTY, 20).map(({ count }) => count)).toEqual([20, 20, 10]);
  });

  test('a record larger than the limit has its own batch, so a refusal is about that record', () => {
    const large = record(Buffer.from('large'), Buffer.alloc(2_000));
    const counts = cutAll([hundreds[0]!, large, hundreds[1]!, hundreds[2]!], 1_000, PLENTY).map(({ count }) => count);
    expect(counts).toEqual([1, 1, 2]);
  });
});

describe('a compressed batch', () => {
  test('has the content of the batch, is much smaller, and has the right checksum', async () => {
    const batch = encode([
      record(Buffer.from('k'), Buffer.alloc(3_000_000, 'error report '), [{ key: 'h', value: Buffer.of(1) }]),
    ]);
    const compressed = await compressBatch(batch);
    expect(compressed.length).toBeLessThan(batch.length / 50);
    const read = (bytes: Buffer): LogRecord[] => {
      const records: LogRecord[] = [];
      const fetched = new FetchedRecords(bytes, [], 0);
      void fetched.read(records, 10);
      return records;
    };
    const small = encode([record(Buffer.from('k'), Buffer.alloc(300_000, 'error report '))]);
    expect(read(await compressBatch(small))[0]?.value?.equals(read(small)[0]!.value!)).toBe(true);
    const fetched = new FetchedRecords(compressed, [], 0);
    const records: LogRecord[] = [];
    fetched.read(records, 10);
    while (fetched.needsLarge) await fetched.openLarge();
    fetched.read(records, 10);
    expect(records[0]?.value?.equals(Buffer.alloc(3_000_000, 'error report '))).toBe(true);
    expect(compressed.subarray(23, 61)).toEqual(batch.subarray(23, 61));
  });

  test('stays as it was if that is smaller', async () => {
    const batch = encode([record(null, randomBytes(10_000))]);
    expect(await compressBatch(batch)).toBe(batch);
  });
});
