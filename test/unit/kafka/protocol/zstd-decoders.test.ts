/** The two zstd decoders behave the same. Node has one of its own from 22.15 on; fzstd is for releases before. */
import { FZSTD, NODE_ZSTD, zstdMemory, type ZstdDecoder } from '../../../../src/kafka/protocol/zstd-decoders.js';
import { framesOf, MAX_FRAMES } from '../../../../src/kafka/protocol/zstd-frames.js';
import fixtures from './compressed-batches.json' with { type: 'json' };

const MIB = 1_024 * 1_024;
const MAX_BYTES = 16 * MIB;
const BATCH_HEADER_BYTES = 61;
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const WINDOW_OF_128_KIB = 7 << 3;
const [RAW, RLE] = [0, 1] as const;

const decoders: (readonly [string, ZstdDecoder])[] = [['fzstd', FZSTD]];
if (NODE_ZSTD !== null) decoders.push(['Node', NODE_ZSTD]);

function block(kind: number, size: number, bytes: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE(size * 8 + kind * 2 + (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([header, bytes]);
}

/** A frame with the blocks, the last of which is of one byte. */
function frame(text: string, before = Buffer.alloc(0)): Buffer {
  const last = block(RAW, text.length, Buffer.from(text), true);
  return Buffer.concat([Buffer.from([...MAGIC, 0, WINDOW_OF_128_KIB]), before, last]);
}

const SKIPPABLE = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')]);

function whole(pieces: Iterable<Buffer>): Buffer {
  return Buffer.concat([...pieces]);
}

async function aside(decoder: ZstdDecoder, bytes: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of decoder.aside(bytes, MAX_BYTES) ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('for Node, a compressed block counts as 17 KiB of work, another block as 1 KiB, and a frame as 64 KiB', () => {
  const COMPRESSED = 2;
  const oneLiteral = block(COMPRESSED, 3, Buffer.from([1 << 3, 0x61, 0]));
  const workOf = (bytes: Buffer) =>
    [...framesOf(bytes, MAX_BYTES)].map(({ nativeWorkBytes }) => nativeWorkBytes / 1_024);
  expect(workOf(frame('a'))).toEqual([64 + 1]);
  expect(workOf(Buffer.concat([frame('a'), frame('a', Buffer.concat([oneLiteral, oneLiteral]))]))).toEqual([
    65,
    65 + 34,
  ]);
});

describe.each(decoders)('zstd by %s', (_name, decoder) => {
  test('reads all frames, and skips those to skip', async () => {
    const bytes = Buffer.concat([SKIPPABLE, frame('one '), SKIPPABLE, frame('two '), frame('')]);
    expect(whole(decoder.pieces(bytes, MAX_BYTES)).toString()).toBe('one two ');
    if (decoder.aside(bytes, MAX_BYTES) !== null) expect((await aside(decoder, bytes)).toString()).toBe('one two ');
  });

  test('reads what other clients have written', () => {
    const written = fixtures.filter(({ codec }) => codec === 'zstd');
    expect(written.length).toBe(2);
    for (const { batches } of written) {
      const body = Buffer.from(batches, 'base64').subarray(BATCH_HEADER_BYTES);
      const records = whole(decoder.pieces(body, MAX_BYTES)).toString();
      for (let i = 0; i < 12; i++) expect(records).toContain(`record ${i}: `);
      expect(whole(FZSTD.pieces(body, MAX_BYTES)).toString() === records).toBe(true);
    }
  });

  test('refuses frames that hold too much together, are too many, are cut off or are followed by something else', () => {
    const read = (bytes: Buffer, maxBytes = MAX_BYTES) => whole(decoder.pieces(bytes, maxBytes));
    expect(read(Buffer.concat([frame('four'), frame('four')]), 8).length).toBe(8);
    expect(() => read(Buffer.concat([frame('four'), frame('four!')]), 8)).toThrow('holds more than 8 bytes');
    expect(read(Buffer.alloc(MAX_FRAMES * frame('a').length, frame('a'))).length).toBe(MAX_FRAMES);
    for (const one of [frame('a'), frame(''), SKIPPABLE])
      expect(() => read(Buffer.alloc((MAX_FRAMES + 1) * one.length, one))).toThrow('more than 1000 zstd frames');
    expect(() => read(frame('cut off').subarray(0, -1))).toThrow('cut off');
    expect(() => read(Buffer.concat([frame('a'), Buffer.from('abcd')]))).toThrow('not a zstd frame');
  });

  test('keeps nothing of blocks, and counts each of them as work', () => {
    const blocks = 2_000_000;
    const bytes = frame('!', Buffer.alloc(4 * blocks, block(RLE, 0, Buffer.of(65))));
    const before = process.memoryUsage().heapUsed;
    const work = decoder.work(bytes, 256 * MIB);
    expect(zstdMemory(bytes, 256 * MIB)).toBe(1);
    // A list with the end of each block takes 16 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8_000_000);
    expect(work).toBeGreaterThan(blocks * 1_000);
  });

  test('keeps nothing of blocks while it decompresses them', () => {
    const bytes = frame('!', Buffer.alloc(4 * 500_000, block(RLE, 0, Buffer.of(65))));
    const before = process.memoryUsage();
    let length = 0;
    for (const piece of decoder.pieces(bytes, 256 * MIB)) length += piece.length;
    const after = process.memoryUsage();
    expect(length).toBe(1);
    // If fzstd is called for each block, it keeps an object of more than 100 bytes for each.
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(30_000_000);
  });
});
