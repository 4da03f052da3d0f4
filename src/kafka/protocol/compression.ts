/** Decompresses the records of a record batch, with all codecs that Kafka clients use. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { TooManyBytesError } from './decompressed-bytes.js';
import { decompressLz4Frame } from './lz4-frame.js';
import { decompressSnappy } from './snappy-blocks.js';
import { decompressZstd, decompressZstdNatively, zstdWork } from './zstd-frames.js';
import { reasonOf } from '../../lib/reason-of.js';

export { TooManyBytesError };

interface Codec {
  readonly name: string;
  /**
   * Decompresses, and yields from time to time.
   *
   * @throws if the bytes are broken, or decompress to more than `maxBytes`
   */
  readonly steps: (bytes: Buffer, maxBytes: number) => Generator<void, Buffer>;
  /** The same outside the event loop; null if that is not possible. */
  readonly natively: (bytes: Buffer, maxBytes: number) => Promise<Buffer> | null;
}

const GZIP = 1;
const SNAPPY = 2;
const LZ4 = 3;
const ZSTD = 4;

/** The codecs, by their number in a batch's attributes. Number 0 means that the batch is not compressed. */
const CODECS: Readonly<Record<number, Codec>> = {
  [GZIP]: {
    name: 'gzip',
    steps: gunzipSteps,
    natively: (bytes, maxBytes) => promisify(gunzip)(bytes, gunzipOptions(bytes, maxBytes)),
  },
  [SNAPPY]: { name: 'snappy', steps: decompressSnappy, natively: () => null },
  [LZ4]: { name: 'lz4', steps: decompressLz4Frame, natively: () => null },
  [ZSTD]: { name: 'zstd', steps: decompressZstd, natively: decompressZstdNatively },
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
    const steps = known.steps(bytes, maxBytes);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  } catch (cause) {
    throw explained(cause, known, bytes, maxBytes);
  }
}

/** As `decompress`, for large batches: it does not block the event loop. */
export async function decompressAside(codec: number, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const known = codecOf(codec);
  try {
    const native = known.natively(bytes, maxBytes);
    if (native !== null) return await native;
    const steps = known.steps(bytes, maxBytes);
    for (let since = performance.now(); ;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (performance.now() - since < TURN_MS) continue;
      await nextTurn();
      since = performance.now();
    }
  } catch (cause) {
    throw explained(cause, known, bytes, maxBytes);
  }
}

/**
 * The bytes that `decompress` moves or fills, besides those that go in and come out. Only zstd without Node's own decoder
 * needs any.
 * @throws as `decompress`
 */
export function workOf(codec: number, bytes: Buffer, maxBytes: number): number {
  if (codec !== ZSTD) return 0;
  try {
    return zstdWork(bytes, maxBytes);
  } catch (cause) {
    throw explained(cause, codecOf(codec), bytes, maxBytes);
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

/** Decompresses gzip in a single step. A generator, like those of the other codecs. */
function* gunzipSteps(bytes: Buffer, maxBytes: number): Generator<void, Buffer> {
  return gunzipSync(bytes, gunzipOptions(bytes, maxBytes));
}

/** The limit of DEFLATE. */
const MAX_BYTES_FROM_ONE_GZIP_BYTE = 1_032;
const MIN_CHUNK_BYTES = 16 * 1024;

/**
 * Makes Node decompress into one chunk, because Node would copy several chunks to join them. The last four bytes of the
 * input have the length of that chunk.
 */
function gunzipOptions(bytes: Buffer, maxBytes: number): ZlibOptions {
  const claimed = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  const possible = bytes.length * MAX_BYTES_FROM_ONE_GZIP_BYTE;
  // The bytes decompress to too much or, if the claimed length is wrong, are broken. To find out which, we would have
  // to allocate the memory.
  if (claimed > maxBytes && claimed <= possible) throw new TooManyBytesError();
  const most = Math.min(claimed, maxBytes, possible);
  return { maxOutputLength: maxBytes, chunkSize: Math.max(MIN_CHUNK_BYTES, most + 1) };
}
