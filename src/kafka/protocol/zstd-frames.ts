/**
 * Reads the headers of zstd frames and of their blocks (RFC 8878), before anything is decompressed. There may be millions of
 * blocks, so it keeps nothing of a block.
 */
import { BLOCK_WORK_BYTES, PIECE_BYTES, TooManyBytesError } from './decompressed-bytes.js';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const SKIPPABLE_HEADER_BYTES = 8;
const FLAG_SINGLE_SEGMENT = 0x20;
const FLAG_CHECKSUM = 0x04;
const CHECKSUM_BYTES = 4;
export const WINDOW_DESCRIPTOR_AT = 5;
const MIN_WINDOW_LOG = 10;
/** 128 MiB, as in libzstd, which every other client uses. */
const MAX_WINDOW_BYTES = 2 ** 27;
const BLOCK_HEADER_BYTES = 3;
const MAX_BLOCK_BYTES = 128 * 1024;
const LAST_BLOCK = 1;
const RLE_BLOCK = 1;
const COMPRESSED_BLOCK = 2;
const RESERVED_BLOCK = 3;
/** Frames in one batch. Each frame needs a decoder of its own, and a batch of a Kafka client has one frame. */
export const MAX_FRAMES = 1_000;
/** With fzstd, making the tables of a compressed block takes as long as filling this many bytes. */
const TABLE_BYTES = 128 * 1024;
/** With fzstd, beginning a frame or a block takes as long as filling this many bytes. */
const BEGIN_BYTES = 8 * 1024;
/** Blocks that fzstd decompresses at once may cost this much: the event loop waits for them. */
const STEP_WORK_BYTES = 16 * 1024 * 1024;
/** With Node itself, beginning a frame takes no longer than moving this many bytes. */
const BEGIN_NATIVE_FRAME_BYTES = 64 * 1024;
/** With Node itself, making the tables of a compressed block takes no longer than moving this many bytes. */
const NATIVE_TABLE_BYTES = 16 * 1024;

export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly firstBlockAt: number;
  /** Where the last block ends. */
  readonly blocksEnd: number;
  /** The most bytes that one block can decompress to. */
  readonly maxBlockBytes: number;
  /** The most bytes that the frame can decompress to. */
  readonly mostBytes: number;
  /** The bytes that fzstd moves or fills, in addition to those that come out. */
  readonly workBytes: number;
  /** The same of Node itself, whose work depends on the frames and blocks, and not on their windows. */
  readonly nativeWorkBytes: number;
  /** How many bytes matches may reach back. */
  readonly windowBytes: number;
  readonly hasWindowDescriptor: boolean;
}

/**
 * The frames, without those to skip.
 * @param maxBytes the most bytes that a frame may hold
 * @throws RangeError if a header is broken, or frames are too many; TooManyBytesError
 */
export function* framesOf(bytes: Buffer, maxBytes: number): Generator<Frame> {
  for (let at = 0, frames = 1; at < bytes.length; frames++) {
    if (frames > MAX_FRAMES) throw new RangeError(`more than ${MAX_FRAMES} zstd frames`);
    const magic = bytes.readUInt32LE(at);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += SKIPPABLE_HEADER_BYTES + bytes.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== MAGIC) throw new RangeError('not a zstd frame');
    const frame = frameAt(bytes, at, maxBytes);
    yield frame;
    at = frame.end;
  }
}

function frameAt(bytes: Buffer, start: number, maxBytes: number): Frame {
  const descriptor = bytes.readUInt8(start + 4);
  const isSingle = (descriptor & FLAG_SINGLE_SEGMENT) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 ? (isSingle ? 1 : 0) : 1 << sizeCode;
  let at = start + WINDOW_DESCRIPTOR_AT + (isSingle ? 0 : 1);
  if (dictionaryBytes > 0 && bytes.readUIntLE(at, dictionaryBytes) !== 0)
    throw new RangeError('a zstd frame that needs a dictionary');
  at += dictionaryBytes;
  const contentBytes = sizeBytes === 0 ? null : contentSize(bytes, at, sizeBytes);
  at += sizeBytes;
  const window = isSingle ? contentBytes! : windowOf(bytes.readUInt8(start + WINDOW_DESCRIPTOR_AT));
  if (!isSingle && window > MAX_WINDOW_BYTES) throw new RangeError(`a zstd frame with a window of ${window} bytes`);
  const maxBlockBytes = Math.min(MAX_BLOCK_BYTES, window);
  const { blocksEnd, blocks, most, tables } = walkBlocks(bytes, at, maxBlockBytes);
  if (contentBytes !== null && contentBytes > most)
    throw new RangeError(
      `a zstd frame that claims to hold ${contentBytes} bytes, and whose blocks hold ${most} at most`,
    );
  if (contentBytes !== null && contentBytes > maxBytes)
    throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
  const mostBytes = contentBytes ?? most;
  const windowBytes = Math.min(window, mostBytes, maxBytes);
  return {
    start,
    firstBlockAt: at,
    blocksEnd,
    maxBlockBytes,
    mostBytes,
    hasWindowDescriptor: !isSingle,
    end: blocksEnd + ((descriptor & FLAG_CHECKSUM) !== 0 ? CHECKSUM_BYTES : 0),
    windowBytes,
    // The window is filled once, and moved for each block.
    workBytes: (1 + blocks) * (windowBytes + BEGIN_BYTES) + tables * TABLE_BYTES,
    nativeWorkBytes: BEGIN_NATIVE_FRAME_BYTES + blocks * BLOCK_WORK_BYTES + tables * NATIVE_TABLE_BYTES,
  };
}

function contentSize(bytes: Buffer, at: number, sizeBytes: number): number {
  if (sizeBytes === 8) return Number(bytes.readBigUInt64LE(at));
  return bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

interface Blocks {
  readonly blocksEnd: number;
  readonly blocks: number;
  /** The most bytes that they can hold. */
  readonly most: number;
  /** The number of blocks that may have tables of their own. */
  readonly tables: number;
}

function walkBlocks(bytes: Buffer, start: number, maxBlockBytes: number): Blocks {
  let [at, blocks, most, tables] = [start, 0, 0, 0];
  for (let header = 0; (header & LAST_BLOCK) === 0; blocks++) {
    header = blockHeader(bytes, at);
    most += mostOf(header, maxBlockBytes);
    if (isCompressed(header)) tables++;
    at = endOfBlock(bytes, at);
  }
  return { blocksEnd: at, blocks, most, tables };
}

/**
 * Where the blocks end that fzstd decompresses at once, beginning with the one at `start`. For each call of its own it would
 * keep an object until the end of the frame, so small blocks go together.
 */
export function endOfStep(bytes: Buffer, frame: Frame, start: number): number {
  let [end, most, work] = [start, 0, 0];
  while (end < frame.blocksEnd) {
    const header = blockHeader(bytes, end);
    most += mostOf(header, frame.maxBlockBytes);
    work += frame.windowBytes + BEGIN_BYTES + (isCompressed(header) ? TABLE_BYTES : 0);
    if (end > start && (most > PIECE_BYTES || work > STEP_WORK_BYTES)) break;
    end = endOfBlock(bytes, end);
  }
  return end;
}

/** @throws RangeError if the block is cut off, too large or of an unknown type */
function endOfBlock(bytes: Buffer, at: number): number {
  const header = blockHeader(bytes, at);
  const size = header >> 3;
  if (kindOf(header) === RESERVED_BLOCK || size > MAX_BLOCK_BYTES)
    throw new RangeError('a zstd block of a reserved type, or too large');
  const end = at + BLOCK_HEADER_BYTES + (kindOf(header) === RLE_BLOCK ? 1 : size);
  if (end > bytes.length) throw new RangeError('a zstd frame that is cut off');
  return end;
}

/** Without `readUIntLE`, which takes longer: a batch may have millions of blocks. */
function blockHeader(bytes: Buffer, at: number): number {
  if (at + BLOCK_HEADER_BYTES > bytes.length) throw new RangeError('a zstd frame that is cut off');
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

function mostOf(header: number, maxBlockBytes: number): number {
  return isCompressed(header) ? maxBlockBytes : header >> 3;
}

function isCompressed(header: number): boolean {
  return kindOf(header) === COMPRESSED_BLOCK;
}

function kindOf(header: number): number {
  return (header >> 1) & 3;
}

function windowOf(descriptor: number): number {
  const base = 2 ** (MIN_WINDOW_LOG + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** The smallest window with at least this many bytes. */
export function windowDescriptor(bytes: number): number {
  let descriptor = 0;
  while (windowOf(descriptor) < bytes) descriptor++;
  return descriptor;
}
