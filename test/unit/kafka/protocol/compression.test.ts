import { gzipSync } from 'node:zlib';
import { compress as compressSnappy } from 'snappyjs';
import {
  decompress,
  decompressAside,
  DecompressionError,
  TooManyBytesError,
} from '../../../../src/kafka/protocol/compression.js';
import { FZSTD, NODE_ZSTD, type ZstdDecoder } from '../../../../src/kafka/protocol/zstd-decoders.js';
import { FetchedRecords } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import { BrokenBatchError } from '../../../../src/kafka/protocol/record-batch-header.js';
import type { LogRecord } from '../../../../src/lib/record.js';
import { withChecksum } from './build-batch.js';
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
const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4] as const;
const MIB = 1024 * 1024;
const BATCH_HEADER_BYTES = 61;
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;

describe.each(fixtures)('a batch that $client compressed with $codec', ({ client, codec, batches }) => {
  const bytes = Buffer.from(batches, 'base64');
  const number = CODEC_NUMBERS[codec]!;
  const body = bytes.subarray(BATCH_HEADER_BYTES);

  it('decompresses to the produced records', () => {
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

  it('is refused if it would decompress to more than allowed', () => {
    expect(() => decompress(number, body, 50_000)).toThrow(TooManyBytesError);
  });

  it('is refused if its records are cut off, at any byte', () => {
    for (const share of [0.02, 0.2, 0.5, 0.9, 0.99]) {
      const cut = bytes.subarray(0, BATCH_HEADER_BYTES + Math.floor(body.length * share));
      const batch = Buffer.from(cut);
      batch.writeInt32BE(batch.length - LENGTH_COUNTS_FROM, LENGTH_AT);
      withChecksum(batch);
      expect(() => new FetchedRecords(batch, [], 0).read([], 100)).toThrow(BrokenBatchError);
    }
  });

  it('decompresses to the same outside of the event loop', async () => {
    expect(await aside(number, body, MIB)).toEqual(decompress(number, body, MIB));
    await expect(aside(number, body, 50_000)).rejects.toThrow(TooManyBytesError);
  });

  it('with any changed byte is refused or has a bounded result, at once', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; i++) {
      const garbage = Buffer.from(body);
      for (let k = 0; k <= i % 4; k++)
        garbage[(i * 7919 + k * 104_729) % Math.min(body.length, 64 << (i % 8))]! ^= 1 + (i % 255);
      const output = givenBy(() => decompress(number, garbage, 4 * MIB));
      if (Buffer.isBuffer(output)) expect(output.length).toBeLessThanOrEqual(4 * MIB);
      else expect([DecompressionError, TooManyBytesError]).toContain(output.constructor);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * MIB);
  });
});

/** The result of `work`, or the error that it throws. */
function givenBy(work: () => Buffer): Buffer | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}

/** Memory outside of the heap that `work` allocated and that is still there when it has ended. */
function allocatedBy(work: () => unknown): number {
  const before = process.memoryUsage().arrayBuffers;
  work();
  return process.memoryUsage().arrayBuffers - before;
}

describe('a frame that is hostile', () => {
  const little = (bytes: number, value: number): Buffer => {
    const out = Buffer.alloc(bytes);
    out.writeUIntLE(value % 2 ** (8 * bytes), 0, bytes);
    return out;
  };
  const zstd = (header: readonly number[], ...blocks: readonly Buffer[]): Buffer =>
    Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...header]), ...blocks]);
  /** 128 KiB of one byte; type 1. */
  const repeated = (isLast: boolean, size = 128 * 1024): Buffer =>
    Buffer.concat([little(3, size * 8 + 2 + (isLast ? 1 : 0)), Buffer.of(0x41)]);
  const stored = (isLast: boolean, bytes: Buffer): Buffer =>
    Buffer.concat([little(3, bytes.length * 8 + (isLast ? 1 : 0)), bytes]);
  /** Window descriptors: the exponent less 10, in the upper five bits. */
  const windowOf = (log: number): number => (log - 10) << 3;
  const xerial = (...blocks: readonly Buffer[]): Buffer =>
    Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]), ...blocks]);
  const sized = (size: number, bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(size);
    return Buffer.concat([length, bytes]);
  };
  const block = compressSnappy(Buffer.from('a block of snappy'));
  const member = gzipSync(Buffer.alloc(20 * MIB), { level: 1 });

  const refused: readonly (readonly [
    what: string,
    codec: number,
    bytes: Buffer,
    kind: new (...args: never[]) => Error,
  ])[] = [
    ['gzip that holds more than allowed', GZIP, gzipSync(Buffer.alloc(65 * MIB), { level: 1 }), TooManyBytesError],
    [
      'gzip of several members that hold more together',
      GZIP,
      Buffer.concat([member, member, member, member]),
      TooManyBytesError,
    ],
    ['gzip that is cut off', GZIP, member.subarray(0, 1_000), DecompressionError],
    [
      'gzip that claims 4 GiB at its end',
      GZIP,
      Buffer.concat([member.subarray(0, 900), little(4, 2 ** 32 - 1)]),
      DecompressionError,
    ],
    ['snappy that claims 2 GiB', SNAPPY, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0]), DecompressionError],
    [
      'snappy that claims a little more than it has',
      SNAPPY,
      Buffer.concat([Buffer.of(block[0]! + 1), block.subarray(1)]),
      DecompressionError,
    ],
    [
      'snappy with a literal of 2 GiB',
      SNAPPY,
      Buffer.from([0x40, 0xfc, 0xff, 0xff, 0xff, 0x80, 1, 2, 3]),
      DecompressionError,
    ],
    [
      'snappy with a literal of 4 GiB',
      SNAPPY,
      Buffer.from([0x40, 0xfc, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
      DecompressionError,
    ],
    ['snappy with a literal that is cut off', SNAPPY, Buffer.from([100, 0xf0, 99, 1, 2, 3]), DecompressionError],
    [
      'a snappy block whose literal is cut off with it',
      SNAPPY,
      xerial(sized(103, Buffer.from([100, 0xf0, 99, 1, 2, 3]))),
      DecompressionError,
    ],
    ['snappy with a match from 2 GiB before', SNAPPY, Buffer.from([8, 0, 65, 0x1b, 0, 0, 0, 0x80]), DecompressionError],
    ['snappy without anything', SNAPPY, Buffer.alloc(0), DecompressionError],
    ['snappy blocks of a negative length', SNAPPY, xerial(sized(-5, block)), DecompressionError],
    ['snappy blocks longer than what is there', SNAPPY, xerial(sized(block.length + 1, block)), DecompressionError],
    ['snappy blocks shorter than they are', SNAPPY, xerial(sized(block.length - 1, block)), DecompressionError],
    ['snappy blocks of 2 GiB', SNAPPY, xerial(sized(2 ** 31 - 1, block)), DecompressionError],
    [
      'snappy blocks that hold more together',
      SNAPPY,
      xerial(...Array<Buffer>(70).fill(bigSnappyBlock(sized))),
      TooManyBytesError,
    ],
    [
      'an LZ4 block of 2 GiB',
      LZ4,
      Buffer.concat([Buffer.from([4, 0x22, 0x4d, 0x18, 0x60, 0x70, 0]), little(4, 2 ** 31 - 1)]),
      DecompressionError,
    ],
    ['zstd with a window of 2 GiB', ZSTD, zstd([0, windowOf(31)], repeated(true)), DecompressionError],
    [
      'zstd that claims 2 GiB',
      ZSTD,
      zstd([0xe0, 0, 0, 0, 0x80, 0, 0, 0, 0], stored(true, Buffer.of(1))),
      DecompressionError,
    ],
    [
      'zstd that repeats one byte without an end',
      ZSTD,
      zstd([0, windowOf(17)], ...Array<Buffer>(600).fill(repeated(false)), repeated(true)),
      TooManyBytesError,
    ],
    [
      'zstd that says rightly that it holds more than allowed',
      ZSTD,
      zstd([0xe0, 0, 0, 0x40, 0x06, 0, 0, 0, 0], ...Array<Buffer>(799).fill(repeated(false)), repeated(true)),
      TooManyBytesError,
    ],
    [
      'zstd of several frames that hold more together',
      ZSTD,
      Buffer.concat(Array<Buffer>(600).fill(zstd([0, windowOf(17)], repeated(true)))),
      TooManyBytesError,
    ],
    [
      'zstd with a block larger than a block may be',
      ZSTD,
      zstd([0, windowOf(20)], repeated(true, 129 * 1024)),
      DecompressionError,
    ],
    ['zstd without its last block', ZSTD, zstd([0, windowOf(17)], repeated(false)), DecompressionError],
    ['zstd that is cut off in its header', ZSTD, zstd([]), DecompressionError],
    ['zstd that needs a dictionary', ZSTD, zstd([1, windowOf(17), 7], repeated(true)), DecompressionError],
    [
      'garbage after a zstd frame',
      ZSTD,
      Buffer.concat([zstd([0, windowOf(17)], repeated(true)), Buffer.of(9, 9, 9, 9)]),
      DecompressionError,
    ],
    ['a codec that nobody knows', 5, Buffer.alloc(10), DecompressionError],
  ];

  it.each(refused)('%s is refused', async (_what, codec, bytes, kind) => {
    expect(() => decompress(codec, bytes, 64 * MIB)).toThrow(kind);
    await expect(aside(codec, bytes, 64 * MIB)).rejects.toThrow(kind);
  });

  it('gets no memory for false claims', () => {
    const claims = [
      ...[Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0]), xerial(sized(2 ** 31 - 1, block))].map(
        (bytes) => [SNAPPY, bytes] as const,
      ),
      [ZSTD, zstd([0, windowOf(27)], stored(true, Buffer.of(1)))] as const,
      [ZSTD, zstd([0xe0, 0, 0, 0, 8, 0, 0, 0, 0], stored(true, Buffer.of(1)))] as const,
      [
        ZSTD,
        zstd([0xe0, 0, 0, 0, 0x40, 0, 0, 0, 0], ...Array<Buffer>(8_191).fill(repeated(false)), repeated(true)),
      ] as const,
      [LZ4, Buffer.from([4, 0x22, 0x4d, 0x18, 0x60, 0x70, 0, 1, 0, 0, 0x80, 65, 0, 0, 0, 0])] as const,
      [GZIP, Buffer.concat([gzipSync('x').subarray(0, -4), Buffer.of(255, 255, 255, 15)])] as const,
    ];
    for (const [codec, bytes] of claims)
      expect(allocatedBy(() => givenBy(() => decompress(codec, bytes, 256 * MIB)))).toBeLessThan(MIB);
  });

  it('gets no more memory than its limit', () => {
    const blocks = xerial(...Array<Buffer>(3).fill(bigSnappyBlock(sized)));
    const opened = decompress(SNAPPY, blocks, 3 * MIB);
    expect([opened.length, opened.buffer.byteLength]).toEqual([3 * MIB, 3 * MIB]);
  });

  it('whose zstd window must be moved again and again is refused, unless Node itself decompresses it', () => {
    const bytes = zstd([0, windowOf(27)], ...Array<Buffer>(9_000).fill(repeated(false, 7_000)), repeated(true));
    const read = (decoder: ZstdDecoder): number => {
      let length = 0;
      for (const piece of decoder.pieces(bytes, 64 * MIB)) length += piece.length;
      return length;
    };
    expect(() => read(FZSTD)).toThrow('window that is too large for its small blocks');
    if (NODE_ZSTD !== null) expect(read(NODE_ZSTD)).toBe(9_000 * 7_000 + 128 * 1024);
  });

  it('with a window that is larger than needed is still read', () => {
    const bytes = zstd([0, windowOf(27)], stored(false, Buffer.from('stored ')), repeated(true, 3));
    expect(decompress(ZSTD, bytes, 100).toString()).toBe('stored AAA');
  });

  it('does not block the event loop while it is opened', async () => {
    const large = zstd([0, windowOf(17)], ...Array<Buffer>(2_000).fill(repeated(false)), repeated(true));
    let [turns, longest, last] = [0, 0, performance.now()];
    const timer = setInterval(() => {
      const now = performance.now();
      [turns, longest, last] = [turns + 1, Math.max(longest, now - last), now];
    }, 1);
    let length = 0;
    for await (const piece of decompressAside(ZSTD, large, { maxBytes: 256 * MIB, maxAtOnce: MIB }))
      length += piece.length;
    clearInterval(timer);
    expect(length).toBe(2_001 * 128 * 1024);
    expect(turns).toBeGreaterThan(2);
  });
});

/** All pieces that are decompressed outside of the event loop. */
async function aside(codec: number, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of decompressAside(codec, bytes, { maxBytes, maxAtOnce: maxBytes })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A MiB of zeros in one block. */
function bigSnappyBlock(sized: (size: number, bytes: Buffer) => Buffer): Buffer {
  const bytes = compressSnappy(Buffer.alloc(MIB));
  return sized(bytes.length, bytes);
}

it('reads raw snappy of any length', () => {
  for (const length of [0, 1, 59, 60, 61, 255, 256, 257, 70_000]) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * i) & 0xff));
    expect(decompress(SNAPPY, compressSnappy(bytes), MIB)).toEqual(bytes);
  }
});

test('gzip that claims more than allowed is refused before anything is decompressed', async () => {
  const body = gzipSync(Buffer.alloc(2 * MIB));
  body.fill(0xff, 20, 40); // It breaks when it is decompressed.
  expect(() => decompress(GZIP, body, MIB)).toThrow(TooManyBytesError);
  await expect(aside(GZIP, body, MIB)).rejects.toThrow(TooManyBytesError);
});

describe('an LZ4 frame', () => {
  const MAGIC = [0x04, 0x22, 0x4d, 0x18];
  const lz4 = (...bytes: number[]): string => decompress(LZ4, Buffer.from(bytes), MIB).toString('latin1');
  const size = (n: number): number[] => [n & 0xff, (n >> 8) & 0xff, 0, 0];
  const stored = (n: number): number[] => [n, 0, 0, 0x80];
  /** 'abc' as literals, then 6 bytes from 3 back, then 'xyz' as the last literals. */
  const BLOCK = [0x32, 0x61, 0x62, 0x63, 3, 0, 0x30, 0x78, 0x79, 0x7a];
  const END = size(0);

  it('repeats the bytes of a match that overlaps itself', () => {
    expect(lz4(...MAGIC, 0x60, 0x40, 0, ...size(10), ...BLOCK, ...END)).toBe('abcabcabcxyz');
  });

  it('has the checksum of a block after its data', () => {
    expect(lz4(...MAGIC, 0x70, 0x40, 0, ...size(10), ...BLOCK, 9, 9, 9, 9, ...END)).toBe('abcabcabcxyz');
  });

  it('may declare its size, and end with a checksum', () => {
    const contentSize = [12, 0, 0, 0, 0, 0, 0, 0];
    expect(lz4(...MAGIC, 0x6c, 0x40, ...contentSize, 0, ...size(10), ...BLOCK, ...END, 9, 9, 9, 9)).toBe(
      'abcabcabcxyz',
    );
  });

  it('may have uncompressed blocks, and matches into earlier blocks', () => {
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
      [
        ...MAGIC,
        0x60,
        0x40,
        0,
        ...size(260 + 6),
        0x1f,
        0x61,
        1,
        0,
        ...Array<number>(259).fill(255),
        0,
        0x10,
        0x61,
        ...END,
      ],
    ],
  ])('is refused for %s', (_why, bytes) => {
    expect(() => lz4(...bytes)).toThrow(DecompressionError);
  });
});
