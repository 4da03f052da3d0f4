/**
 * Decompresses one LZ4 frame (lz4_Frame_format.md 1.6), with linked or independent blocks. Checksums are skipped: the
 * record batch has its own.
 *
 * This is our own code, because lz4js expects the checksum of a block before its data, and decodes broken or cut-off
 * frames to zeros without an error.
 */
import { BLOCK_WORK_BYTES, BLOCKS_A_STEP, DecompressedBytes, PIECE_BYTES } from './decompressed-bytes.js';

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY = 0x01;
const BLOCK_IS_STORED = 0x80000000;
const CHECKSUM_BYTES = 4;
/** The block sizes by the code in bits 4 to 6 of the block descriptor: 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
const MAX_BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22 };
/** The most output bytes that one byte of a match's length can add. */
const MAX_BYTES_FROM_ONE_BYTE = 255;
const MIN_MATCH = 4;
/** How far back a match may reach. */
const HISTORY_BYTES = 64 * 1024;
const EXTENDED = 15;
const NOTHING = Buffer.alloc(0);

/** The most bytes that decompressing keeps in memory, besides those that go in and come out. */
export const LZ4_MEMORY_BYTES = HISTORY_BYTES + MAX_BLOCK_BYTES[7]! + 2 * PIECE_BYTES;

/**
 * The work of its blocks, as bytes that are moved. It stops counting at `enough`.
 * @throws as `decompressLz4Frame`
 */
export function lz4Work(frame: Buffer, enough: number): number {
  const { firstBlockAt, afterBlock } = headerOf(frame);
  let work = 0;
  for (let at = firstBlockAt; work < enough; work += BLOCK_WORK_BYTES) {
    const size = frame.readUInt32LE(at);
    if (size === 0) break;
    at = endOfBlock(frame, at + 4, size) + afterBlock;
  }
  return work;
}

/**
 * Decompresses a frame, one block after the other. Small blocks are given together. A piece may be empty: many blocks take
 * several steps.
 *
 * @param maxBytes the most bytes that the frame may decompress to
 * @throws RangeError if the frame is broken, is cut off or needs a dictionary; TooManyBytesError
 */
export function* decompressLz4Frame(frame: Buffer, maxBytes: number): Generator<Buffer> {
  const { firstBlockAt, maxBlockBytes, afterBlock } = headerOf(frame);
  const output = new DecompressedBytes(maxBytes);
  let at = firstBlockAt;
  for (let blocks = 1; ; blocks++) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) break;
    const end = endOfBlock(frame, at, size);
    output.reserve(Math.min(maxBlockBytes, (end - at) * MAX_BYTES_FROM_ONE_BYTE));
    if (size >= BLOCK_IS_STORED) output.literals(frame, at, end);
    else decompressBlock(frame, at, end, output);
    at = end + afterBlock;
    if (output.pending >= PIECE_BYTES) yield output.take(HISTORY_BYTES);
    else if (blocks % BLOCKS_A_STEP === 0) yield NOTHING;
  }
  yield output.take(0);
}

interface Header {
  readonly firstBlockAt: number;
  readonly maxBlockBytes: number;
  /** Bytes between two blocks. */
  readonly afterBlock: number;
}

function headerOf(frame: Buffer): Header {
  if (frame.readUInt32LE(0) !== MAGIC) throw new RangeError('not an LZ4 frame');
  const flags = frame.readUInt8(4);
  if ((flags & VERSION_MASK) !== VERSION_1) throw new RangeError('an LZ4 frame of another version than 1');
  if ((flags & FLAG_DICTIONARY) !== 0) throw new RangeError('an LZ4 frame that needs a dictionary');
  const maxBlockBytes = MAX_BLOCK_BYTES[(frame.readUInt8(5) >> 4) & 7];
  if (maxBlockBytes === undefined) throw new RangeError('an LZ4 frame with an unknown block size');
  return {
    // Magic, flags, block descriptor, content size (optional), header checksum.
    firstBlockAt: (flags & FLAG_CONTENT_SIZE) !== 0 ? 15 : 7,
    maxBlockBytes,
    afterBlock: (flags & FLAG_BLOCK_CHECKSUM) !== 0 ? CHECKSUM_BYTES : 0,
  };
}

function endOfBlock(frame: Buffer, at: number, size: number): number {
  const end = at + (size >= BLOCK_IS_STORED ? size - BLOCK_IS_STORED : size);
  if (end > frame.length) throw new RangeError('an LZ4 frame that is cut off');
  return end;
}

function decompressBlock(source: Buffer, from: number, end: number, output: DecompressedBytes): void {
  let at = from;
  const extendedLength = (length: number): number => {
    if (length < EXTENDED) return length;
    for (;;) {
      if (at >= end) throw new RangeError('an LZ4 block that ends inside a length');
      const byte = source[at++]!;
      length += byte;
      if (byte !== 255) return length;
    }
  };

  while (at < end) {
    const token = source[at++]!;
    const literals = extendedLength(token >> 4);
    if (at + literals > end) throw new RangeError('an LZ4 block that ends inside its literals');
    output.literals(source, at, at + literals);
    at += literals;
    if (at === end) return; // The last sequence has no match.
    if (at + 2 > end) throw new RangeError('an LZ4 block that ends inside a match');
    const distance = source[at]! | (source[at + 1]! << 8);
    at += 2;
    output.match(distance, extendedLength(token & 15) + MIN_MATCH);
  }
}
