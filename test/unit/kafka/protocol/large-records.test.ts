/** Large batches are read in portions, whatever their records claim, and with every codec. */
import { gzipSync } from 'node:zlib';
import { LARGE_BATCH_BYTES, LargeRecords } from '../../../../src/kafka/protocol/large-records.js';
import { FetchedRecords } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import { cutBatch, encodeBatch } from '../../../../src/kafka/protocol/record-batch-encoder.js';
import type { LogRecord } from '../../../../src/lib/record.js';
import { hugeRecord } from '../../../../testkit/huge-record.js';
import { buildBatch } from './build-batch.js';

const [GZIP, SNAPPY, ZSTD] = [1, 2, 4];
const MIB = 2 ** 20;
const HEADER_BYTES = 61;

function plain(valueBytes: readonly number[]): Buffer {
  const records = valueBytes.map((length, i) => ({
    key: Buffer.from('k'),
    value: Buffer.alloc(length, i),
    headers: [],
  }));
  const cut = cutBatch(records, 0, Infinity, Infinity);
  const batch = Buffer.alloc(cut.bytes);
  encodeBatch(batch, 0, records, 0, cut, { producerId: 1n, producerEpoch: 0, firstSequence: 0, timestamp: 0 });
  return batch.subarray(HEADER_BYTES);
}

function batchWith(codec: number, body: Buffer, count: number): Buffer {
  return buildBatch({ baseOffset: 0, lastOffset: count - 1, records: [], count, codec, body });
}

function gzipBatch(valueBytes: readonly number[], count = valueBytes.length): Buffer {
  return batchWith(GZIP, gzipSync(plain(valueBytes)), count);
}

/** Reads a batch as a reader does. @returns the lengths of the values, and the most bytes that the batch took at once */
async function readAll(batch: Buffer, maxBatchBytes?: number): Promise<{ lengths: number[]; most: number }> {
  const fetched = new FetchedRecords(batch, [], 0, maxBatchBytes);
  const lengths: number[] = [];
  let most = 0;
  while (!fetched.exhausted) {
    const records: LogRecord[] = [];
    fetched.read(records, 1_000, 3 * MIB);
    for (const { value, offset } of records) {
      expect(value!.equals(Buffer.alloc(value!.length, offset))).toBe(true);
      lengths.push(value!.length);
    }
    if (fetched.needsLarge) await fetched.openLarge();
    most = Math.max(most, fetched.largeBytes);
  }
  return { lengths, most };
}

test('many records are read in portions: no more than two of them are in memory', async () => {
  const lengths = Array.from({ length: 20 }, (_, i) => (i % 3) * 300_000 + 1);
  const { lengths: read, most } = await readAll(gzipBatch(lengths));
  expect(read).toEqual(lengths);
  expect(most).toBeLessThan(2 * LARGE_BATCH_BYTES + MIB);
});

test('a huge record is read alone, after a call that only finds it', async () => {
  const lengths = [10, 5 * MIB, 20, 3 * MIB];
  const fetched = new FetchedRecords(gzipBatch(lengths), [], 0);
  const steps: (string | number[])[] = [];
  while (!fetched.exhausted) {
    const records: LogRecord[] = [];
    fetched.read(records, 1_000, 3 * MIB);
    if (records.length > 0) steps.push(records.map(({ value }) => value!.length));
    if (!fetched.needsLarge) continue;
    if (fetched.needsHuge) steps.push('huge');
    await fetched.openLarge();
  }
  expect(steps).toEqual([[10], 'huge', [5 * MIB], [20], 'huge', [3 * MIB]]);
});

test('a batch that was closed in between continues at its next record', async () => {
  const lengths = [100, 3 * MIB, 700_000, 700_000, 700_000, 700_000];
  const fetched = new FetchedRecords(gzipBatch(lengths), [], 0);
  const read: number[] = [];
  while (!fetched.exhausted) {
    const records: LogRecord[] = [];
    fetched.read(records, 1, 3 * MIB);
    read.push(...records.map(({ value }) => value!.length));
    fetched.closeLarge();
    while (fetched.needsLarge) await fetched.openLarge();
  }
  expect(read).toEqual(lengths);
});

test('a record above an eighth of MAX_BATCH_BYTES makes the batch unreadable, before it takes memory', async () => {
  const batch = batchWith(ZSTD, hugeRecord(255 * MIB), 1);
  const before = process.memoryUsage().arrayBuffers;
  await expect(readAll(batch)).rejects.toThrow(
    /offsets 0 to 0 cannot be read: it has a record of \d{9} bytes, and at most 33554432 may be in memory at once, an eighth of MAX_BATCH_BYTES: raise it/,
  );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MIB);
});

test('so does a zstd window above it, and a snappy block', async () => {
  const window = batchWith(ZSTD, hugeRecord(40 * MIB, 26), 1);
  await expect(readAll(window)).rejects.toThrow(/it has a zstd window of 41\d{6} bytes, and at most 33554432/);
  const claimsMuch = Buffer.concat([Buffer.of(0x80, 0x80, 0x80, 0x20), Buffer.alloc(4 * MIB, 0xfe)]);
  const block = batchWith(SNAPPY, claimsMuch, 1);
  await expect(readAll(block)).rejects.toThrow('it has a snappy block of 67108864 bytes, and at most 33554432');
});

test.each([
  ['negative', Buffer.of(0x01)],
  ['zero', Buffer.of(0)],
  ['longer than 64 bits', Buffer.alloc(12, 0xff)],
  ['longer than the batch', Buffer.of(0x80, 0x80, 0x80, 0x08)],
])('a first record whose length is %s makes the batch unreadable, and takes one portion', async (_what, length) => {
  const body = gzipSync(Buffer.concat([length, Buffer.alloc(5 * MIB)]));
  const fetched = new FetchedRecords(batchWith(GZIP, body, 1), [], 0);
  const read = async () => {
    while (!fetched.exhausted) {
      fetched.read([], 10, 3 * MIB);
      await fetched.openLarge();
      expect(fetched.largeBytes).toBeLessThan(8 * MIB);
    }
  };
  await expect(read()).rejects.toThrow(/a record (claims to be|holds a number)/);
});

test('bytes after the last record, or too few records, make the batch unreadable', async () => {
  const lengths = [MIB, MIB, MIB];
  await expect(readAll(gzipBatch(lengths, 2))).rejects.toThrow('bytes are left after its 2 records');
  await expect(readAll(gzipBatch(lengths, 4))).rejects.toThrow('claims to hold 4 records, and has 1 fewer');
});

test('a record with very many headers is huge too, whether its batch is compressed or not', async () => {
  const records = [3, 20_000, 5].map((count, offset) => ({
    offset,
    key: null,
    value: null,
    headers: Array.from({ length: count }, () => ['', Buffer.alloc(0)] as const),
  }));
  const whole = { baseOffset: 0, lastOffset: 2, records };
  const uncompressed = buildBatch(whole);
  const compressed = buildBatch({ ...whole, codec: GZIP, body: gzipSync(uncompressed.subarray(HEADER_BYTES)) });
  for (const batch of [uncompressed, compressed]) {
    const fetched = new FetchedRecords(batch, [], 0);
    const read: LogRecord[] = [];
    fetched.read(read, 10);
    expect([read.length, fetched.needsLarge, fetched.needsHuge]).toEqual([1, true, true]);
    expect(await fetched.openLarge()).toBe(20_000 * 160);
    fetched.read(read, 10);
    expect(read.map(({ headers }) => headers.length)).toEqual([3, 20_000, 5]);
    expect([fetched.hugeBytes, fetched.exhausted]).toEqual([20_000 * 160, true]);
  }
});

test('closing stops the decompression', async () => {
  const large = new LargeRecords(GZIP, gzipSync(Buffer.alloc(50 * MIB)), 0, 256 * MIB);
  await large.next().catch(() => undefined);
  large.close();
  expect((await large.next())?.length).toBe(0);
});
