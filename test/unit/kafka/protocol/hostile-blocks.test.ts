/** Batches of very many blocks: opening them costs little for each block, and one read opens few. */
import { gzipSync } from 'node:zlib';
import { decompress, decompressAside, workOf } from '../../../../src/kafka/protocol/compression.js';
import { FetchedRecords, LARGE_WORK_BYTES } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import type { LogRecord } from '../../../../src/lib/record.js';
import { buildBatch } from './build-batch.js';
import { readsOf } from './reads-of.js';

const [GZIP, SNAPPY, LZ4] = [1, 2, 3] as const;
const GZIP_HEADER_BYTES = 10;
const EMPTY_STORED_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);
const MIB = 1024 * 1024;
const HEADER_BYTES = 61;
const MAX_BATCH_BYTES = 16 * MIB;
const HISTORY_BYTES = 64 * 1024;
/** The limit of one read. */
const MAX_BYTES = 3 * MIB;

/** The first bytes are one block, so that later matches can reach back as far as possible. */
function lz4OfBytes(content: Buffer): Buffer {
  const first = content.subarray(0, HISTORY_BYTES);
  const small = content.subarray(HISTORY_BYTES);
  return Buffer.concat([
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]),
    little(0x80000000 + first.length),
    first,
    blocksOf(small, 5, (block, byte) => {
      block.writeUInt32LE(0x80000001);
      block[4] = byte;
    }),
    little(0),
  ]);
}

/** Blocks that hold one literal each. */
function snappyOfBytes(content: Buffer): Buffer {
  const blocks = blocksOf(content, 7, (block, byte) => {
    block.writeInt32BE(3);
    block[4] = 1;
    block[6] = byte;
  });
  return Buffer.concat([SNAPPY_JAVA_HEADER, blocks]);
}

const SNAPPY_JAVA_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const emptyOfLz4 = (blocks: number): Buffer =>
  Buffer.concat([lz4OfBytes(Buffer.of(65)).subarray(0, -4), Buffer.alloc(blocks * 4, little(0x80000000)), little(0)]);
const emptyOfSnappy = (blocks: number): Buffer =>
  Buffer.concat([SNAPPY_JAVA_HEADER, Buffer.alloc(blocks * 5, Buffer.from([0, 0, 0, 1, 0]))]);

/** One block of `size` bytes for each byte. */
function blocksOf(content: Buffer, size: number, write: (block: Buffer, byte: number) => void): Buffer {
  const all = Buffer.alloc(content.length * size);
  for (const [i, byte] of content.entries()) write(all.subarray(i * size, (i + 1) * size), byte);
  return all;
}

function little(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function random(length: number): Buffer {
  let state = 1;
  return Buffer.from(Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) & 0xff));
}

/** A batch of one record, whose content is in blocks of one byte. */
function slowBatch(codec: number, ofBytes: (content: Buffer) => Buffer, valueBytes: number, offset = 0): Buffer {
  const batch = { baseOffset: offset, lastOffset: offset };
  const records = [{ offset, key: Buffer.from('k'), value: random(valueBytes) }];
  const plain = buildBatch({ ...batch, records }).subarray(HEADER_BYTES);
  return buildBatch({ ...batch, records, codec, body: ofBytes(plain) });
}

describe.each([
  ['LZ4', LZ4, lz4OfBytes, emptyOfLz4],
  ['snappy', SNAPPY, snappyOfBytes, emptyOfSnappy],
] as const)('blocks of %s', (_name, codec, ofBytes, empty) => {
  test('that are very many are opened aside, as a large batch', async () => {
    const fetched = new FetchedRecords(slowBatch(codec, ofBytes, 150_000), [], 0, MAX_BATCH_BYTES);
    const records: LogRecord[] = [];

    fetched.read(records, 10, MAX_BYTES);
    expect([records.length, fetched.needsLarge]).toEqual([0, true]);
    await fetched.openLarge();
    fetched.read(records, 10, MAX_BYTES);
    expect(records.map(({ value }) => value?.equals(random(150_000)))).toEqual([true]);
  });

  test('of many batches end a read at a limit of their work together', () => {
    const valueBytes = codec === LZ4 ? HISTORY_BYTES + 60_000 : 60_000;
    const batches = Array.from({ length: 8 }, (_, i) => slowBatch(codec, ofBytes, valueBytes, i));
    const work = workOf(codec, batches[0]!.subarray(HEADER_BYTES), MAX_BATCH_BYTES);
    expect(work).toBeGreaterThan(LARGE_WORK_BYTES / 2);
    expect(work).toBeLessThan(LARGE_WORK_BYTES);
    const reads = readsOf(batches, MAX_BATCH_BYTES, MAX_BYTES);
    expect(reads.reduce((sum, count) => sum + count)).toBe(8);
    expect(Math.max(...reads)).toBeLessThanOrEqual(2);
  });

  test('are given together, whatever their number, and cost little', async () => {
    const content = random(HISTORY_BYTES + MIB / 4);
    const bytes = ofBytes(content);
    const before = process.cpuUsage();
    const pieces: Buffer[] = [];
    for await (const piece of decompressAside(codec, bytes, LIMITS)) pieces.push(piece);
    expect(decompress(codec, bytes, MAX_BATCH_BYTES).equals(content)).toBe(true);
    const { user, system } = process.cpuUsage(before);

    expect(Buffer.concat(pieces).equals(content)).toBe(true);
    // To move 64 KiB for each block takes seconds.
    expect((user + system) / 1_000).toBeLessThan(1_500);
    expect(pieces.length).toBeLessThan(1_200);
  });

  test('that are empty are not kept', async () => {
    const bytes = empty(200_000);
    let pieces = 0;
    for await (const piece of decompressAside(codec, bytes, LIMITS)) pieces += piece.length === 0 ? 1 : 0;
    expect(pieces).toBeGreaterThan(10);
    expect(pieces).toBeLessThan(300);
    expect(decompress(codec, bytes, MAX_BATCH_BYTES).length).toBeLessThan(2);
  });
});

const LIMITS = { maxBytes: MAX_BATCH_BYTES, maxAtOnce: MAX_BATCH_BYTES };

test('a block of snappy cannot repeat bytes of an earlier block', () => {
  const literal = [0, 0, 0, 3, 1, 0, 65];
  const match = [0, 0, 0, 3, 4, 1, 1]; // 4 bytes from 1 back
  const bytes = Buffer.concat([SNAPPY_JAVA_HEADER, Buffer.from([...literal, ...match])]);
  expect(() => decompress(SNAPPY, bytes, MIB)).toThrow('a match reaches before the start');
});

describe('blocks of gzip that hold nothing', () => {
  /** The hostile ones have Huffman tables of their own. Any compressed byte counts the same. */
  const slow = (blocks: number, offset = 0): Buffer => {
    const records = [{ offset, key: Buffer.from('k'), value: Buffer.from('v') }];
    const of = { baseOffset: offset, lastOffset: offset, records };
    const plain = buildBatch(of).subarray(HEADER_BYTES);
    return buildBatch({ ...of, codec: GZIP, body: gzipAfterEmptyBlocks(plain, blocks) });
  };

  test('that are very many are opened aside, as a large batch', async () => {
    const fetched = new FetchedRecords(slow(60_000), [], 0, MAX_BATCH_BYTES);
    const records: LogRecord[] = [];
    fetched.read(records, 10, MAX_BYTES);
    expect([records.length, fetched.needsLarge]).toEqual([0, true]);
    await fetched.openLarge();
    fetched.read(records, 10, MAX_BYTES);
    expect(records.map(({ value }) => value?.toString())).toEqual(['v']);
  });

  test('of many batches end a read at a limit of their work together', () => {
    const batches = Array.from({ length: 12 }, (_, i) => slow(40_000, i));
    const reads = readsOf(batches, MAX_BATCH_BYTES, MAX_BYTES);
    expect(reads.reduce((sum, count) => sum + count)).toBe(12);
    expect(Math.max(...reads)).toBeLessThanOrEqual(4);
  });
});

/** A gzip member with `blocks` empty blocks before the content. */
function gzipAfterEmptyBlocks(content: Buffer, blocks: number): Buffer {
  const member = gzipSync(content);
  const header = member.subarray(0, GZIP_HEADER_BYTES);
  const empty = Buffer.alloc(blocks * EMPTY_STORED_BLOCK.length, EMPTY_STORED_BLOCK);
  return Buffer.concat([header, empty, member.subarray(GZIP_HEADER_BYTES)]);
}
