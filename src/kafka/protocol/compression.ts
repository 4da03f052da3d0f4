/** Decompresses the records of a record batch, with all codecs that Kafka clients use. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { atOnce, PIECE_BYTES, TooManyBytesError } from './decompressed-bytes.js';
import { decompressLz4Frame, LZ4_MEMORY_BYTES, lz4Work } from './lz4-frame.js';
import { decompressSnappy, snappyMemory, snappyWork } from './snappy-blocks.js';
import { FZSTD, NODE_ZSTD, zstdMemory } from './zstd-decoders.js';
import { reasonOf } from '../../lib/reason-of.js';

export { TooManyBytesError };

interface Codec {
  readonly name: string;
  /**
   * Decompresses, one piece after the other.
   *
   * @param maxAtOnce the most bytes of the piece that must be in memory at once
   * @throws if the bytes are broken, or decompress to more than `maxBytes`
   */
  readonly pieces: (bytes: Buffer, maxBytes: number, maxAtOnce: number) => Generator<Buffer>;
  /** The same outside the event loop; null if that is not possible. */
  readonly natively: (bytes: Buffer, maxBytes: number) => AsyncIterable<Buffer> | null;
  /** The most bytes that decompressing keeps in memory, besides those that go in and come out. */
  readonly memory: (bytes: Buffer, limits: OpeningLimits) => number;
  /** See `workOf`. */
  readonly work: (bytes: Buffer, maxBytes: number, enough: number) => number;
}

/** The limits of one batch. */
export interface OpeningLimits {
  /** The most bytes that may come out. */
  readonly maxBytes: number;
  /** The most bytes that the decoder may keep in memory. */
  readonly maxAtOnce: number;
}

const GZIP = 1;
const SNAPPY = 2;
const LZ4 = 3;
const ZSTD = 4;

/**
 * Reading a compressed byte takes no longer than moving this many bytes. A block of 12 bytes may have tables of its own,
 * and hold nothing.
 */
const GZIP_WORK_BYTES = 256;

const zstdDecoder = NODE_ZSTD ?? FZSTD;

/** The codecs, by their number in a batch's attributes. Number 0 means that the batch is not compressed. */
const CODECS: Readonly<Record<number, Codec>> = {
  [GZIP]: {
    name: 'gzip',
    pieces: gunzipAtOnce,
    natively: gunzipAside,
    memory: () => GZIP_MEMORY_BYTES,
    work: (bytes) => bytes.length * GZIP_WORK_BYTES,
  },
  [SNAPPY]: {
    name: 'snappy',
    pieces: decompressSnappy,
    natively: () => null,
    memory: (bytes, { maxAtOnce }) => snappyMemory(bytes, maxAtOnce),
    work: (bytes, _maxBytes, enough) => snappyWork(bytes, enough),
  },
  [LZ4]: {
    name: 'lz4',
    pieces: decompressLz4Frame,
    natively: () => null,
    memory: () => LZ4_MEMORY_BYTES,
    work: (bytes, _maxBytes, enough) => lz4Work(bytes, enough),
  },
  [ZSTD]: {
    name: 'zstd',
    pieces: zstdDecoder.pieces,
    natively: zstdDecoder.aside,
    memory: (bytes, { maxBytes, maxAtOnce }) => {
      const memory = zstdMemory(bytes, maxBytes);
      if (memory > maxAtOnce) throw new RangeError(atOnce(`a zstd window of ${memory} bytes`, maxAtOnce));
      return memory;
    },
    work: zstdDecoder.work,
  },
};

/** For how long decompressing may block the event loop. */
const TURN_MS = 10;

/** The bytes are broken, or the codec is unknown. */
export class DecompressionError extends Error {
  override readonly name = 'DecompressionError';
}

/**
 * Decompresses the bytes at once.
 *
 * @param codec the number in the attributes of the batch, not 0
 * @throws DecompressionError; TooManyBytesError if the bytes decompress to more than `maxBytes`
 */
export function decompress(codec: number, bytes: Buffer, maxBytes: number): Buffer {
  const known = codecOf(codec);
  try {
    const pieces = [...known.pieces(bytes, maxBytes, maxBytes)];
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  } catch (cause) {
    throw explained(cause, known, bytes, maxBytes);
  }
}

/**
 * As `decompress`, for large batches: one piece after the other, and without blocking the event loop. Close the generator
 * if no more pieces are needed.
 */
export async function* decompressAside(codec: number, bytes: Buffer, limits: OpeningLimits): AsyncGenerator<Buffer> {
  const known = codecOf(codec);
  const { maxBytes, maxAtOnce } = limits;
  try {
    let length = 0;
    for await (const piece of known.natively(bytes, maxBytes) ?? inTurns(known.pieces(bytes, maxBytes, maxAtOnce))) {
      length += piece.length;
      if (length > maxBytes) throw new TooManyBytesError();
      yield piece;
    }
  } catch (cause) {
    throw explained(cause, known, bytes, maxBytes);
  }
}

/** Lets the event loop run between the pieces. */
async function* inTurns(pieces: Generator<Buffer>): AsyncGenerator<Buffer> {
  let since = performance.now();
  for (const piece of pieces) {
    yield piece;
    if (performance.now() - since < TURN_MS) continue;
    await nextTurn();
    since = performance.now();
  }
}

/**
 * The most bytes that `decompressAside` keeps in memory, besides those that go in and come out.
 * @throws DecompressionError, also if they are more than `maxAtOnce`; TooManyBytesError
 */
export function memoryOf(codec: number, bytes: Buffer, limits: OpeningLimits): number {
  const known = codecOf(codec);
  try {
    return known.memory(bytes, limits);
  } catch (cause) {
    throw explained(cause, known, bytes, limits.maxBytes);
  }
}

/**
 * The bytes that `decompress` moves or fills, in addition to those that go in and come out. Each block of LZ4, snappy and
 * zstd counts as some bytes, and each compressed byte of gzip.
 * @param enough it may stop counting there
 * @throws as `decompress`
 */
export function workOf(codec: number, bytes: Buffer, maxBytes: number, enough = Infinity): number {
  const known = codecOf(codec);
  try {
    return known.work(bytes, maxBytes, enough);
  } catch (cause) {
    throw explained(cause, known, bytes, maxBytes);
  }
}

function codecOf(codec: number): Codec {
  const known = CODECS[codec];
  if (known === undefined) throw new DecompressionError(`it is compressed with codec ${codec}, which is unknown`);
  return known;
}

function explained(cause: unknown, { name }: Codec, bytes: Buffer, maxBytes: number): Error {
  const isTooMuch = cause instanceof TooManyBytesError || (cause as NodeJS.ErrnoException).code === ZLIB_TOO_LARGE;
  if (isTooMuch)
    return new TooManyBytesError(
      `its ${bytes.length} bytes of ${name} hold more than MAX_BATCH_BYTES, which is ${maxBytes}: raise it if that is right`,
    );
  const why = reasonOf(cause);
  return new DecompressionError(`its ${bytes.length} bytes of ${name} cannot be decompressed: ${why}`, { cause });
}

const ZLIB_TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';

/** Its window and its tables. */
const GZIP_MEMORY_BYTES = 64 * 1024;

/** Decompresses gzip into a single piece. */
function* gunzipAtOnce(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  yield gunzipSync(bytes, gunzipOptions(bytes, maxBytes));
}

function gunzipAside(bytes: Buffer, maxBytes: number): AsyncIterable<Buffer> {
  mustNotClaimMore(bytes, maxBytes);
  const stream = createGunzip({ chunkSize: PIECE_BYTES });
  stream.end(bytes);
  return stream;
}

/** The limit of DEFLATE. */
const MAX_BYTES_FROM_ONE_GZIP_BYTE = 1_032;
const MIN_CHUNK_BYTES = 16 * 1024;

/**
 * Makes Node decompress into one chunk, because Node would copy several chunks to join them. The last four bytes of the
 * input have the length of that chunk.
 */
function gunzipOptions(bytes: Buffer, maxBytes: number): ZlibOptions {
  const most = Math.min(mustNotClaimMore(bytes, maxBytes), maxBytes, mostFromGzip(bytes));
  return { maxOutputLength: maxBytes, chunkSize: Math.max(MIN_CHUNK_BYTES, most + 1) };
}

/**
 * The length that gzip claims to have. If it is too large, the bytes decompress to too much or, if the claim is wrong,
 * are broken. To find out which, we would have to decompress them.
 */
function mustNotClaimMore(bytes: Buffer, maxBytes: number): number {
  const claimed = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  if (claimed > maxBytes && claimed <= mostFromGzip(bytes)) throw new TooManyBytesError();
  return claimed;
}

function mostFromGzip(bytes: Buffer): number {
  return bytes.length * MAX_BYTES_FROM_ONE_GZIP_BYTE;
}
