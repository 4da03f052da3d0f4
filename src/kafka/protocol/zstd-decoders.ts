/**
 * Decompresses zstd frames (RFC 8878), with Node itself if it can (from 22.15), else with fzstd.
 *
 * fzstd allocates the window that a frame's header claims, up to 2 GiB, and moves the whole window for each block. So
 * the headers of frames and blocks are read first, and the window is reduced to the size that the blocks can hold.
 */
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { PIECE_BYTES, TooManyBytesError } from './decompressed-bytes.js';
import { endOfStep, framesOf, windowDescriptor, WINDOW_DESCRIPTOR_AT, type Frame } from './zstd-frames.js';

/**
 * The most bytes that fzstd may move or fill for each byte that may come out. 2 MiB at levels 1 to 22 need 17 bytes for
 * each, 256 MiB at levels up to 19 need 64. Without a limit, hostile blocks of a few bytes could need any amount. At this
 * limit, 256 MiB take a few seconds of work.
 */
const MAX_WORK_PER_BYTE = 128;
/** Allowed in any case, so that a small limit of bytes is not one of work. */
const LEAST_MAX_WORK_BYTES = 64 * 1024 * 1024;
const MIN_CHUNK_BYTES = 16 * 1024;
const NOTHING = Buffer.alloc(0);

/** What follows throws RangeError, and what the decoder throws, if the bytes are broken; TooManyBytesError. */
export interface ZstdDecoder {
  /**
   * Decompresses frames, some blocks after the other, or a frame at once. A piece may be empty: many blocks take several
   * steps.
   * @param maxBytes the most bytes that may come out
   */
  readonly pieces: (bytes: Buffer, maxBytes: number) => Generator<Buffer>;
  /** The same outside the event loop; null if that is not possible. */
  readonly aside: (bytes: Buffer, maxBytes: number) => AsyncIterable<Buffer> | null;
  /**
   * The bytes that decompressing moves or fills, in addition to those that come out.
   * @param enough it may stop counting there
   */
  readonly work: (bytes: Buffer, maxBytes: number, enough?: number) => number;
}

interface NativeZstd {
  zstdDecompressSync?(bytes: Buffer, options: zlib.ZlibOptions): Buffer;
  createZstdDecompress?(options: zlib.ZlibOptions): Transform;
}

/** Node's own decoder, which is missing in the types of Node 20. */
const native = zlib as NativeZstd;

/** Null if this release of Node has none. */
export const NODE_ZSTD: ZstdDecoder | null =
  native.zstdDecompressSync === undefined
    ? null
    : { pieces: nodePieces, aside: nodeAside, work: (...of) => sumOfWork('nativeWorkBytes', ...of) };

export const FZSTD: ZstdDecoder = {
  pieces: fzstdPieces,
  aside: () => null,
  work: (bytes, maxBytes, enough) => sumOfWork('workBytes', bytes, maxBytes, enough, maxWorkFor(maxBytes)),
};

/** How many bytes matches may reach back: the decoder keeps them in memory. @throws as a decoder */
export function zstdMemory(bytes: Buffer, maxBytes: number): number {
  let most = 0;
  for (const { windowBytes } of framesOf(bytes, maxBytes)) most = Math.max(most, windowBytes);
  return most;
}

function sumOfWork(
  kind: 'workBytes' | 'nativeWorkBytes',
  bytes: Buffer,
  maxBytes: number,
  enough = Infinity,
  maxWork = Infinity,
): number {
  let work = 0;
  for (const frame of framesOf(bytes, maxBytes)) {
    work += frame[kind];
    if (work > maxWork) throw new RangeError('a zstd window that is too large for its small blocks');
    if (work >= enough) break;
  }
  return work;
}

function maxWorkFor(maxBytes: number): number {
  return Math.max(LEAST_MAX_WORK_BYTES, maxBytes * MAX_WORK_PER_BYTE);
}

function* fzstdPieces(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  FZSTD.work(bytes, maxBytes); // Checks all headers.
  let length = 0;
  let pieces: Uint8Array[] = [];
  for (const frame of framesOf(bytes, maxBytes)) {
    const stream = new Decompress((piece) => {
      length += piece.length;
      if (length > maxBytes) throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
      pieces.push(piece);
    });
    const push = (part: Buffer, isLast: boolean): Buffer => {
      stream.push(part, isLast);
      const piece = joined(pieces);
      pieces = [];
      return piece;
    };
    for (const part of partsOf(bytes, frame)) yield push(part, false);
    yield push(bytes.subarray(frame.blocksEnd, frame.end), true);
  }
}

function joined([first, ...others]: readonly Uint8Array[]): Buffer {
  if (first === undefined) return NOTHING;
  if (others.length > 0) return Buffer.concat([first, ...others]);
  return Buffer.from(first.buffer, first.byteOffset, first.length);
}

/** Some blocks of a frame after the other, the first ones with the frame's header. */
function* partsOf(bytes: Buffer, frame: Frame): Generator<Buffer> {
  let at = endOfStep(bytes, frame, frame.firstBlockAt);
  // A copy, because the window in the header is changed.
  const first = Buffer.from(bytes.subarray(frame.start, at));
  if (frame.hasWindowDescriptor) first[WINDOW_DESCRIPTOR_AT] = windowDescriptor(frame.windowBytes);
  yield first;
  while (at < frame.blocksEnd) {
    const end = endOfStep(bytes, frame, at);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Frame by frame: Node ignores everything after the first one. */
function* nodePieces(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  zstdMemory(bytes, maxBytes); // Checks all headers.
  let length = 0;
  for (const { start, end, mostBytes } of framesOf(bytes, maxBytes)) {
    const most = Math.min(mostBytes, maxBytes - length) + 1;
    // One chunk if possible, because Node would join several chunks by a copy.
    const options = { maxOutputLength: maxBytes, chunkSize: Math.max(MIN_CHUNK_BYTES, most) };
    const piece = native.zstdDecompressSync!(bytes.subarray(start, end), options);
    length += piece.length;
    if (length > maxBytes) throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
    // A small piece would keep its whole chunk in memory.
    yield piece.length * 2 < piece.buffer.byteLength ? Buffer.from(piece) : piece;
  }
}

async function* nodeAside(bytes: Buffer, maxBytes: number): AsyncGenerator<Buffer> {
  for (const { start, end } of framesOf(bytes, maxBytes)) {
    const stream = native.createZstdDecompress!({ chunkSize: PIECE_BYTES });
    stream.end(bytes.subarray(start, end));
    yield* stream as AsyncIterable<Buffer>;
  }
}
