/** Small zstd batches whose windows cost fzstd far more than their bytes: one read does a bounded amount of work. */
import zlib from 'node:zlib';
import { decompress, workOf } from '../../../../src/kafka/protocol/compression.js';
import { FetchedRecords, LARGE_WORK_BYTES } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import type { LogRecord } from '../../../../src/lib/record.js';
import { buildBatch, withChecksum } from './build-batch.js';
import { readsOf } from './reads-of.js';

const ZSTD = 4;
const MIB = 1_024 * 1_024;
const HEADER_BYTES = 61;
const WINDOW_OF_2_MIB = 11 << 3;
const MAX_BATCH_BYTES = 16 * MIB;
/** The limit of one read. */
const MAX_BYTES = 3 * MIB;

// Node with a decoder of its own does not use fzstd.
const withFzstd = 'zstdDecompressSync' in zlib ? test.skip : test;

function block(kind: 'raw' | 'rle' | 'compressed', size: number, bytes: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE(size * 8 + ['raw', 'rle', 'compressed'].indexOf(kind) * 2 + (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([header, bytes]);
}

/** A compressed block with one literal and no sequence. It may hold 128 KiB, for what its header says. */
function oneLiteral(byte: number): Buffer {
  return block('compressed', 3, Buffer.from([1 << 3, byte, 0]));
}

/** The content in a frame with a window of 2 MiB, whose last bytes are blocks of their own. */
function slowFrame(content: Buffer, smallBlocks: number): Buffer {
  const first = [...content.subarray(0, 16)].map(oneLiteral);
  const end = Math.max(16, content.length - smallBlocks);
  const tail = [...content.subarray(end)].map((byte, i, all) => block('rle', 1, Buffer.of(byte), i === all.length - 1));
  const middle = block('raw', end - 16, content.subarray(16, end));
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW_OF_2_MIB]), ...first, middle, ...tail]);
}

function slowBatch(offset: number, smallBlocks: number): Buffer {
  const records = [{ offset, key: Buffer.from('k'), value: Buffer.alloc(16_200) }];
  const plain = buildBatch({ baseOffset: offset, lastOffset: offset, records }).subarray(HEADER_BYTES);
  const body = slowFrame(plain, smallBlocks);
  return withChecksum(buildBatch({ baseOffset: offset, lastOffset: offset, records, codec: ZSTD, body }));
}

withFzstd('a small batch that needs much work is opened aside, as a large one', async () => {
  const fetched = new FetchedRecords(slowBatch(0, 100), [], 0, MAX_BATCH_BYTES);
  const records: LogRecord[] = [];

  fetched.read(records, 10, MAX_BYTES);
  expect([records.length, fetched.needsLarge]).toEqual([0, true]);
  await fetched.openLarge();
  fetched.read(records, 10, MAX_BYTES);
  expect(records.map(({ value }) => value?.length)).toEqual([16_200]);
});

withFzstd('a read of many batches that each need some work ends at a limit of their work together', () => {
  const batches = Array.from({ length: 20 }, (_, i) => slowBatch(i, 8));
  const work = workOf(ZSTD, batches[0]!.subarray(HEADER_BYTES), MAX_BATCH_BYTES);
  expect(work).toBeGreaterThan(LARGE_WORK_BYTES / 2);
  expect(work).toBeLessThan(LARGE_WORK_BYTES);
  const reads = readsOf(batches, MAX_BATCH_BYTES, MAX_BYTES);
  expect(reads.reduce((sum, count) => sum + count)).toBe(20);
  expect(Math.max(...reads)).toBeLessThanOrEqual(3);
});

withFzstd('a batch is broken if its work exceeds its limit', () => {
  const content = Buffer.alloc(16_390);
  const frame = slowFrame(content, 10_000);
  expect(() => workOf(ZSTD, frame, 64 * MIB)).toThrow('window that is too large for its small blocks');
  expect(() => decompress(ZSTD, frame, 64 * MIB)).toThrow('window that is too large for its small blocks');
  expect(workOf(ZSTD, frame, 256 * MIB)).toBeGreaterThan(20_000 * MIB);
});
