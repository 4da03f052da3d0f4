import { gzipSync } from 'node:zlib';
import { compress as compressSnappy } from 'snappyjs';
import { decompress } from '../../../src/kafka/compression.js';
import { FetchedRecords } from '../../../src/kafka/record-batch-decoder.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import fixtures from './compressed-batches.json' with { type: 'json' };

/*
 * compressed-batches.json holds what a Kafka 4.3 broker had in its log after these twelve records were produced in one
 * batch by librdkafka 2.16 (with keys, and headers on each third) and by Java's console producer (values only).
 */
const WORDS = ['invoices', 'bills', 'customers', 'suppliers', 'journalEntries', 'bankAccounts'];
const VALUES = Array.from({ length: 12 }, (_, i) => {
  let value = `record ${i}: `;
  for (let j = 0; value.length < 9000; j++) value += `${WORDS[(i + j * j) % 6]};`;
  return value;
});

const CODEC_NUMBERS: Readonly<Record<string, number>> = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const BATCH_HEADER_BYTES = 61;
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;

describe.each(fixtures)('a batch that $client compressed with $codec', ({ client, codec, batches }) => {
  const bytes = Buffer.from(batches, 'base64');
  const number = CODEC_NUMBERS[codec]!;
  const body = bytes.subarray(BATCH_HEADER_BYTES);

  it('gives the records produced', () => {
    const records: LogRecord[] = [];
    new FetchedRecords(bytes, [], 0).read(records, 100);
    expect(records.map(({ offset }) => offset)).toEqual(VALUES.map((_, i) => i));
    expect(records.map(({ value }) => value?.toString())).toEqual(VALUES);
    const keyed = client === 'librdkafka';
    expect(records.map(({ key }) => key?.toString() ?? null)).toEqual(
      VALUES.map((_, i) => (keyed ? `key-${i}` : null)),
    );
    expect(records[3]!.headers).toEqual(
      keyed
        ? [
            { key: 'index', value: Buffer.from('3') },
            { key: 'none', value: null },
          ]
        : [],
    );
    if (keyed) expect(records[5]!.timestamp).toBe(1_700_000_005_000);
  });

  it('is refused where it would hold more than allowed', () => {
    expect(() => decompress(number, body, 50_000)).toThrow(BrokerError);
  });

  it('is refused where its records are cut off, wherever that is', () => {
    for (const share of [0.02, 0.2, 0.5, 0.9, 0.99]) {
      const cut = bytes.subarray(0, BATCH_HEADER_BYTES + Math.floor(body.length * share));
      const batch = Buffer.from(cut);
      batch.writeInt32BE(batch.length - LENGTH_COUNTS_FROM, LENGTH_AT);
      expect(() => new FetchedRecords(batch, [], 0).read([], 100)).toThrow(BrokerError);
    }
  });
});

it('refuses a small batch that would fill the memory', () => {
  const bomb = gzipSync(Buffer.alloc(257 * 1024 * 1024), { level: 1 });
  expect(() => decompress(CODEC_NUMBERS['gzip']!, bomb)).toThrow(/cannot be decompressed within 268435456 bytes/);
});

it('refuses a zstd block that repeats one byte for ever', () => {
  // Magic, no content size, window of 1 KiB, then blocks of type RLE that each stand for 128 KiB.
  const repeated = Buffer.from([(128 * 1024 * 8 + 2) & 0xff, ((128 * 1024 * 8 + 2) >> 8) & 0xff, 0x10, 0x41]);
  const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]), ...Array<Buffer>(100).fill(repeated)]);
  expect(() => decompress(CODEC_NUMBERS['zstd']!, frame, 1024 * 1024)).toThrow(/it holds more/);
});

it('refuses a codec that it does not know', () => {
  expect(() => decompress(5, Buffer.alloc(10))).toThrow(
    new BrokerError('records are compressed with codec 5, which is not known'),
  );
});

it('reads raw snappy of any length', () => {
  for (const length of [0, 1, 59, 60, 61, 255, 256, 257, 70_000]) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * i) & 0xff));
    expect(decompress(CODEC_NUMBERS['snappy']!, compressSnappy(bytes))).toEqual(bytes);
  }
});

describe('an LZ4 frame', () => {
  const MAGIC = [0x04, 0x22, 0x4d, 0x18];
  const lz4 = (...bytes: number[]): string => decompress(CODEC_NUMBERS['lz4']!, Buffer.from(bytes)).toString('latin1');
  const size = (n: number): number[] => [n & 0xff, (n >> 8) & 0xff, 0, 0];
  const stored = (n: number): number[] => [n, 0, 0, 0x80];
  /** 'abc' as literals, then 6 bytes from 3 back, then 'xyz' as the last literals. */
  const BLOCK = [0x32, 0x61, 0x62, 0x63, 3, 0, 0x30, 0x78, 0x79, 0x7a];
  const END = size(0);

  it('repeats what a match that overlaps itself says', () => {
    expect(lz4(...MAGIC, 0x60, 0x40, 0, ...size(10), ...BLOCK, ...END)).toBe('abcabcabcxyz');
  });

  it('has the checksum of a block after its data', () => {
    expect(lz4(...MAGIC, 0x70, 0x40, 0, ...size(10), ...BLOCK, 9, 9, 9, 9, ...END)).toBe('abcabcabcxyz');
  });

  it('may say how much it holds, and end with a checksum', () => {
    const contentSize = [12, 0, 0, 0, 0, 0, 0, 0];
    expect(lz4(...MAGIC, 0x6c, 0x40, ...contentSize, 0, ...size(10), ...BLOCK, ...END, 9, 9, 9, 9)).toBe(
      'abcabcabcxyz',
    );
  });

  it('may hold blocks as they are, and matches into earlier blocks', () => {
    const matchSeven = [0x03, 7, 0, 0x10, 0x21];
    expect(
      lz4(...MAGIC, 0x40, 0x40, 0, ...stored(7), ...Buffer.from('stored '), ...size(5), ...matchSeven, ...END),
    ).toBe('stored stored !');
  });

  it.each([
    ['no frame', [1, 2, 3, 4, 0, 0, 0]],
    ['another version', [...MAGIC, 0x80, 0x40, 0, ...END]],
    ['a dictionary', [...MAGIC, 0x61, 0x40, 0, 0, 0, 0, 0, ...END]],
    ['an unknown block size', [...MAGIC, 0x60, 0x30, 0, ...END]],
    ['a match before the start', [...MAGIC, 0x60, 0x40, 0, ...size(5), 0x10, 0x61, 2, 0, 0, ...END]],
    ['a match at no distance', [...MAGIC, 0x60, 0x40, 0, ...size(5), 0x10, 0x61, 0, 0, 0, ...END]],
    ['a length without an end', [...MAGIC, 0x60, 0x40, 0, ...size(3), 0xf0, 0xff, 0xff, ...END]],
    ['literals beyond the block', [...MAGIC, 0x60, 0x40, 0, ...size(3), 0x50, 0x61, 0x61, ...END]],
    ['no end mark', [...MAGIC, 0x60, 0x40, 0, ...size(10), ...BLOCK]],
    [
      'a block of more than its size',
      [...MAGIC, 0x60, 0x40, 0, ...size(260 + 6), 0x1f, 0x61, 1, 0, ...Array<number>(259).fill(255), 0, 0x10, 0x61],
    ],
  ])('is refused for %s', (_why, bytes) => {
    expect(() => lz4(...bytes)).toThrow(BrokerError);
  });
});
