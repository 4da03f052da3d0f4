/**
 * Decompresses snappy (format_description.txt), either raw, as librdkafka writes it, or in the blocks of snappy-java.
 *
 * This is our own code, because snappyjs allocates the length that the bytes claim. And if a literal claims to be
 * longer than 2^31 bytes, snappyjs loops over 2^31 bytes that do not exist.
 */
import {
  atOnce,
  BLOCK_WORK_BYTES,
  BLOCKS_A_STEP,
  DecompressedBytes,
  PIECE_BYTES,
  TooManyBytesError,
} from './decompressed-bytes.js';

/** The header of snappy-java (also called xerial): its magic, its version, and the oldest compatible version. */
const SNAPPY_JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const SNAPPY_JAVA_HEADER_BYTES = 16;
/** The largest expansion of an element: a copy of 3 bytes produces 64 bytes. */
const MAX_BYTES_FROM_ONE_BYTE = 22;
const LITERAL = 0;
const COPY_1_BYTE_OFFSET = 1;
/** From this value on, the length of a literal is in separate bytes. */
const LONG_LITERAL = 60;
const MAX_LENGTH_BYTES = 5;

/** A block is decompressed in steps of this size, because each step blocks the event loop. */
const STEP_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Decompresses the bytes, one block after the other. Small blocks are given together. A piece may be empty: a long block
 * takes several steps, and so do many blocks.
 *
 * @param maxBytes the most bytes that may come out
 * @param maxBlockBytes the most bytes that one block may hold
 * @throws RangeError if the bytes are broken, or a block is too large; TooManyBytesError
 */
export function* decompressSnappy(bytes: Buffer, maxBytes: number, maxBlockBytes = maxBytes): Generator<Buffer> {
  const output = new DecompressedBytes(maxBytes);
  const limits = { maxBytes, maxBlockBytes };
  if (!isOfSnappyJava(bytes)) yield* decompressBlock(bytes, 0, bytes.length, output, limits);
  else {
    for (let at = SNAPPY_JAVA_HEADER_BYTES, blocks = 1; at < bytes.length; blocks++) {
      const end = endOfBlock(bytes, at);
      yield* decompressBlock(bytes, at + 4, end, output, limits);
      if (blocks % BLOCKS_A_STEP === 0) yield NOTHING;
      at = end;
    }
  }
  yield output.take(0);
}

/**
 * The work of its blocks, as bytes that are moved. It stops counting at `enough`.
 * @throws as `decompressSnappy`
 */
export function snappyWork(bytes: Buffer, enough: number): number {
  if (!isOfSnappyJava(bytes)) return BLOCK_WORK_BYTES;
  let work = 0;
  for (let at = SNAPPY_JAVA_HEADER_BYTES; at < bytes.length && work < enough; at = endOfBlock(bytes, at))
    work += BLOCK_WORK_BYTES;
  return work;
}

function isOfSnappyJava(bytes: Buffer): boolean {
  return bytes.subarray(0, SNAPPY_JAVA_MAGIC.length).equals(SNAPPY_JAVA_MAGIC);
}

/** @param at where the block begins, with its length */
function endOfBlock(bytes: Buffer, at: number): number {
  const end = at + 4 + bytes.readInt32BE(at);
  if (end <= at + 4 || end > bytes.length) throw new RangeError('a snappy block that is empty or cut off');
  return end;
}

/** The most bytes of one block, which are in memory at once. */
export function snappyMemory(bytes: Buffer, maxBlockBytes: number): number {
  return Math.min(maxBlockBytes, bytes.length * MAX_BYTES_FROM_ONE_BYTE);
}

function* decompressBlock(
  source: Buffer,
  from: number,
  end: number,
  output: DecompressedBytes,
  { maxBytes, maxBlockBytes }: { readonly maxBytes: number; readonly maxBlockBytes: number },
): Generator<Buffer> {
  const { at: begin, value: claimed } = lengthAt(source, from, end);
  let at = begin;
  const start = output.length;
  if (claimed > (end - at) * MAX_BYTES_FROM_ONE_BYTE)
    throw new RangeError(`${end - at} bytes of snappy that claim to hold ${claimed}`);
  if (start + claimed > maxBytes) throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
  if (claimed > maxBlockBytes) throw new RangeError(atOnce(`a snappy block of ${claimed} bytes`, maxBlockBytes));
  if (output.pending > 0 && output.pending + claimed > PIECE_BYTES) yield output.take(0);
  output.beginIndependent();
  output.reserve(claimed);
  let stepEnd = start + STEP_BYTES;
  const little = (bytes: number): number => {
    if (at + bytes > end) throw new RangeError('a snappy block that is cut off');
    at += bytes;
    return source.readUIntLE(at - bytes, bytes);
  };
  while (at < end) {
    if (output.length >= stepEnd) {
      yield NOTHING;
      stepEnd += STEP_BYTES;
    }
    const tag = source[at++]!;
    const kind = tag & 3;
    if (kind === LITERAL) {
      const short = tag >> 2;
      const size = (short < LONG_LITERAL ? short : little(short - LONG_LITERAL + 1)) + 1;
      if (at + size > end) throw new RangeError('a snappy block that ends inside a literal');
      output.literals(source, at, at + size);
      at += size;
    } else if (kind === COPY_1_BYTE_OFFSET) output.match(((tag >> 5) << 8) | little(1), ((tag >> 2) & 7) + 4);
    else output.match(little(kind === 2 ? 2 : 4), (tag >> 2) + 1);
  }
  if (output.length - start !== claimed)
    throw new RangeError(`a snappy block claims to hold ${claimed} bytes but holds ${output.length - start}`);
}

function lengthAt(source: Buffer, from: number, end: number): { at: number; value: number } {
  let value = 0;
  for (let i = 0; i < MAX_LENGTH_BYTES && from + i < end; i++) {
    const byte = source[from + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { at: from + i + 1, value };
  }
  throw new RangeError('a snappy block without a length');
}
