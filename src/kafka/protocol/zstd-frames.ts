/**
 * Decompresses zstd frames (RFC 8878), with Node itself if it can (from 22.15), else with fzstd.
 *
 * fzstd allocates the window that a frame's header claims, up to 2 GiB, and moves the whole window for each block. So
 * the headers of frames and blocks are read first, and the window is reduced to the size that the blocks can hold.
 */
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { BLOCKS_A_STEP, PIECE_BYTES, TooManyBytesError } from './decompressed-bytes.js';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const SKIPPABLE_HEADER_BYTES = 8;
const FLAG_SINGLE_SEGMENT = 0x20;
const FLAG_CHECKSUM = 0x04;
const CHECKSUM_BYTES = 4;
const WINDOW_DESCRIPTOR_AT = 5;
const MIN_WINDOW_LOG = 10;
/** 128 MiB, as in libzstd, which every other client uses. */
const MAX_WINDOW_BYTES = 2 ** 27;
const BLOCK_HEADER_BYTES = 3;
const MAX_BLOCK_BYTES = 128 * 1024;
const RLE_BLOCK = 1;
const COMPRESSED_BLOCK = 2;
const RESERVED_BLOCK = 3;
/**
 * The most bytes that fzstd may move or fill for each byte that may come out. 2 MiB at levels 1 to 22 need 17 bytes for
 * each, 256 MiB at levels up to 19 need 64. Without a limit, hostile blocks of a few bytes could need any amount. At this
 * limit, 256 MiB take a few seconds of work.
 */
const MAX_WORK_PER_BYTE = 128;
/** Allowed in any case, so that a small limit of bytes is not one of work. */
const LEAST_MAX_WORK_BYTES = 64 * 1024 * 1024;
/** Making the tables of a compressed block takes as long as filling this many bytes. */
const TABLE_BYTES = 128 * 1024;
/** Beginning a frame or a block takes as long as filling this many bytes. */
const BEGIN_BYTES = 8 * 1024;
const NOTHING = Buffer.alloc(0);

interface Frame {
  readonly start: number;
  readonly end: number;
  /** Where each block ends. */
  readonly blockEnds: readonly number[];
  /** The most bytes that the frame can decompress to. */
  readonly mostBytes: number;
  /** The bytes that fzstd moves or fills, besides those that come out. */
  readonly workBytes: number;
  /** How many bytes matches may reach back. */
  readonly windowBytes: number;
  readonly hasWindowDescriptor: boolean;
}

interface NativeZstd {
  zstdDecompressSync?(bytes: Buffer, options: zlib.ZlibOptions): Buffer;
  createZstdDecompress?(options: zlib.ZlibOptions): Transform;
}

/** Node's own decoder, which is missing in the types of Node 20. */
const native = zlib as NativeZstd;

/**
 * The bytes that decompressing moves or fills, besides those that come out. 0 if Node itself decompresses: its work depends
 * only on the bytes that go in and come out.
 * @throws as `decompressZstd`
 */
export function zstdWork(bytes: Buffer, maxBytes: number): number {
  if (native.zstdDecompressSync !== undefined) return 0;
  return framesOf(bytes, maxBytes).reduce((sum, { workBytes }) => sum + workBytes, 0);
}

/** How many bytes matches may reach back: the decoder keeps them in memory. @throws as `decompressZstd` */
export function zstdMemory(bytes: Buffer, maxBytes: number): number {
  return framesOf(bytes, maxBytes).reduce((most, { windowBytes }) => Math.max(most, windowBytes), 0);
}

/**
 * Decompresses frames, one block after the other, or all at once if Node itself can. A piece may be empty: many blocks take
 * several steps.
 *
 * @param maxBytes the most bytes that may come out
 * @throws RangeError, and what the decoders throw, if the bytes are broken; TooManyBytesError
 */
export function* decompressZstd(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  const frames = framesOf(bytes, maxBytes);
  if (native.zstdDecompressSync !== undefined) yield native.zstdDecompressSync(bytes, nativeOptions(frames, maxBytes));
  else yield* decompressFrames(bytes, frames, maxBytes);
}

function* decompressFrames(bytes: Buffer, frames: readonly Frame[], maxBytes: number): Generator<Buffer> {
  let [length, blocks] = [0, 0];
  let pieces: Buffer[] = [];
  for (const frame of frames) {
    const stream = new Decompress((piece) => {
      length += piece.length;
      if (length > maxBytes) throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
      pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    });
    // A copy, because the window in the header is changed.
    const copy = Buffer.from(bytes.subarray(frame.start, frame.end));
    if (frame.hasWindowDescriptor) copy[WINDOW_DESCRIPTOR_AT] = windowDescriptor(frame.windowBytes);
    let pushed = frame.start;
    for (const end of frame.blockEnds) {
      stream.push(copy.subarray(pushed - frame.start, end - frame.start), false);
      pushed = end;
      yield* pieces;
      pieces = [];
      if (++blocks % BLOCKS_A_STEP === 0) yield NOTHING;
    }
    stream.push(copy.subarray(pushed - frame.start), true);
    yield* pieces;
    pieces = [];
  }
}

/** As `decompressZstd`, outside the event loop; null if this version of Node cannot. */
export function decompressZstdNatively(bytes: Buffer, maxBytes: number): AsyncIterable<Buffer> | null {
  return native.createZstdDecompress === undefined ? null : decompressFramesNatively(bytes, maxBytes);
}

async function* decompressFramesNatively(bytes: Buffer, maxBytes: number): AsyncGenerator<Buffer> {
  for (const { start, end } of framesOf(bytes, maxBytes)) {
    const stream = native.createZstdDecompress!({ chunkSize: PIECE_BYTES });
    stream.end(bytes.subarray(start, end));
    yield* stream as AsyncIterable<Buffer>;
  }
}

const MIN_CHUNK_BYTES = 16 * 1024;

/** Makes Node use one chunk if possible, because it would join several chunks by a copy. */
function nativeOptions(frames: readonly Frame[], maxBytes: number): zlib.ZlibOptions {
  const most = frames.reduce((sum, { mostBytes }) => sum + mostBytes, 0);
  return { maxOutputLength: maxBytes, chunkSize: Math.max(MIN_CHUNK_BYTES, Math.min(most, maxBytes) + 1) };
}

function framesOf(bytes: Buffer, maxBytes: number): Frame[] {
  const frames: Frame[] = [];
  const maxWork = native.zstdDecompressSync === undefined ? maxWorkFor(maxBytes) : Infinity;
  let work = 0;
  for (let at = 0; at < bytes.length;) {
    const magic = bytes.readUInt32LE(at);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += SKIPPABLE_HEADER_BYTES + bytes.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== MAGIC) throw new RangeError('not a zstd frame');
    const frame = frameAt(bytes, at, maxBytes);
    work += frame.workBytes;
    if (work > maxWork) throw new RangeError(`a zstd window that is too large for its small blocks`);
    frames.push(frame);
    at = frame.end;
  }
  return frames;
}

function maxWorkFor(maxBytes: number): number {
  return Math.max(LEAST_MAX_WORK_BYTES, maxBytes * MAX_WORK_PER_BYTE);
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
  const { blockEnds, most, tables } = walkBlocks(bytes, at, Math.min(MAX_BLOCK_BYTES, window));
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
    blockEnds,
    mostBytes,
    hasWindowDescriptor: !isSingle,
    end: blockEnds[blockEnds.length - 1]! + ((descriptor & FLAG_CHECKSUM) !== 0 ? CHECKSUM_BYTES : 0),
    windowBytes,
    // The window is filled once, and moved for each block.
    workBytes: (1 + blockEnds.length) * (windowBytes + BEGIN_BYTES) + tables * TABLE_BYTES,
  };
}

function contentSize(bytes: Buffer, at: number, sizeBytes: number): number {
  if (sizeBytes === 8) return Number(bytes.readBigUInt64LE(at));
  return bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

interface Blocks {
  readonly blockEnds: readonly number[];
  readonly most: number;
  /** The number of blocks that may have tables of their own. */
  readonly tables: number;
}

function walkBlocks(bytes: Buffer, start: number, maxBlockBytes: number): Blocks {
  const blockEnds: number[] = [];
  let [most, tables] = [0, 0];
  for (let at = start; ;) {
    const header = bytes.readUIntLE(at, BLOCK_HEADER_BYTES);
    at += BLOCK_HEADER_BYTES;
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    if (kind === RESERVED_BLOCK || size > MAX_BLOCK_BYTES)
      throw new RangeError('a zstd block of a reserved type, or too large');
    most += kind === COMPRESSED_BLOCK ? maxBlockBytes : size;
    if (kind === COMPRESSED_BLOCK) tables++;
    at += kind === RLE_BLOCK ? 1 : size;
    if (at > bytes.length) throw new RangeError('a zstd frame that is cut off');
    blockEnds.push(at);
    if ((header & 1) !== 0) return { blockEnds, most, tables };
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (MIN_WINDOW_LOG + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** The smallest window with at least this many bytes. */
function windowDescriptor(bytes: number): number {
  let descriptor = 0;
  while (windowOf(descriptor) < bytes) descriptor++;
  return descriptor;
}
