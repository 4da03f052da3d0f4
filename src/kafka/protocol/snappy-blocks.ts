/**
 * Decompresses snappy (format_description.txt), either raw, as librdkafka writes it, or in the blocks of snappy-java.
 *
 * This is our own code, because snappyjs allocates the length that the bytes claim. And if a literal claims to be
 * longer than 2^31 bytes, snappyjs loops over 2^31 bytes that do not exist.
 */
import { DecompressedBytes, TooManyBytesError } from './decompressed-bytes.js';

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

/**
 * Decompresses the bytes. Stops after each block, so that many blocks do not block the event loop.
 *
 * @param maxBytes the most bytes that may come out
 * @throws RangeError if the bytes are broken; TooManyBytesError
 */
export function* decompressSnappy(bytes: Buffer, maxBytes: number): Generator<void, Buffer> {
  const output = new DecompressedBytes(maxBytes);
  if (!bytes.subarray(0, SNAPPY_JAVA_MAGIC.length).equals(SNAPPY_JAVA_MAGIC)) {
    decompressBlock(bytes, 0, bytes.length, output, maxBytes);
    return output.finish();
  }
  for (let at = SNAPPY_JAVA_HEADER_BYTES; at < bytes.length;) {
    const end = at + 4 + bytes.readInt32BE(at);
    if (end <= at + 4 || end > bytes.length) throw new RangeError('a snappy block that is empty or cut off');
    decompressBlock(bytes, at + 4, end, output, maxBytes);
    at = end;
    yield;
  }
  return output.finish();
}

function decompressBlock(source: Buffer, from: number, end: number, output: DecompressedBytes, maxBytes: number): void {
  const { at: begin, value: claimed } = lengthAt(source, from, end);
  let at = begin;
  const start = output.length;
  if (claimed > (end - at) * MAX_BYTES_FROM_ONE_BYTE)
    throw new RangeError(`${end - at} bytes of snappy that claim to hold ${claimed}`);
  if (start + claimed > maxBytes) throw new TooManyBytesError(`it holds more than ${maxBytes} bytes`);
  output.reserve(claimed);
  const little = (bytes: number): number => {
    if (at + bytes > end) throw new RangeError('a snappy block that is cut off');
    at += bytes;
    return source.readUIntLE(at - bytes, bytes);
  };
  while (at < end) {
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
