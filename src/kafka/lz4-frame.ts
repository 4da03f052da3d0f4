/**
 * Decompresses one LZ4 frame (lz4_Frame_format.md 1.6), with linked or independent blocks. Checksums are skipped.
 *
 * Our own because lz4js takes the checksum of a block to stand before its data, and decodes broken or cut-off frames to
 * zeros without a word.
 */

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY = 0x01;
const BLOCK_IS_STORED = 0x80000000;
const CHECKSUM_BYTES = 4;
/** Of the code in bits 4 to 6 of the block descriptor: 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
const MAX_BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22 };
const MIN_MATCH = 4;
const EXTENDED = 15;
/** From here on a native copy is faster than a loop over bytes. */
const NATIVE_COPY_BYTES = 32;

/**
 * @param maxBytes the most that may come out
 * @throws RangeError where the frame is broken, is cut off, needs a dictionary, or holds more than `maxBytes`
 */
export function decompressLz4Frame(frame: Buffer, maxBytes: number): Buffer {
  if (frame.readUInt32LE(0) !== MAGIC) throw new RangeError('not an LZ4 frame');
  const flags = frame.readUInt8(4);
  if ((flags & VERSION_MASK) !== VERSION_1) throw new RangeError('an LZ4 frame of another version than 1');
  if ((flags & FLAG_DICTIONARY) !== 0) throw new RangeError('an LZ4 frame that needs a dictionary');
  const maxBlockBytes = MAX_BLOCK_BYTES[(frame.readUInt8(5) >> 4) & 7];
  if (maxBlockBytes === undefined) throw new RangeError('an LZ4 frame with an unknown block size');
  const afterBlock = (flags & FLAG_BLOCK_CHECKSUM) !== 0 ? CHECKSUM_BYTES : 0;

  const output = new Output(maxBytes, maxBlockBytes);
  // Magic, flags, block descriptor, perhaps the content size, header checksum.
  let at = (flags & FLAG_CONTENT_SIZE) !== 0 ? 15 : 7;
  for (;;) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) return output.finish();
    const stored = size >= BLOCK_IS_STORED;
    const end = at + (stored ? size - BLOCK_IS_STORED : size);
    if (end > frame.length) throw new RangeError('an LZ4 frame that is cut off');
    output.startBlock();
    if (stored) output.literals(frame, at, end);
    else decompressBlock(frame, at, end, output);
    at = end + afterBlock;
  }
}

function decompressBlock(source: Buffer, from: number, end: number, output: Output): void {
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

/** What came out so far, in one piece: a match may reach back into earlier blocks. */
class Output {
  #bytes: Buffer;
  #length = 0;
  /** What the block under way may fill up to. */
  #limit = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly maxBlockBytes: number,
  ) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(maxBytes, maxBlockBytes));
  }

  startBlock(): void {
    this.#limit = Math.min(this.maxBytes, this.#length + this.maxBlockBytes);
    if (this.#limit <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(this.maxBytes, Math.max(this.#limit, this.#bytes.length * 2)));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  literals(source: Buffer, from: number, end: number): void {
    const length = this.#length;
    this.#extend(end - from);
    const bytes = this.#bytes;
    if (end - from >= NATIVE_COPY_BYTES) source.copy(bytes, length, from, end);
    else for (let i = from, to = length; i < end;) bytes[to++] = source[i++]!;
  }

  match(distance: number, size: number): void {
    const length = this.#length;
    if (distance === 0 || distance > length) throw new RangeError('an LZ4 match that reaches before the start');
    this.#extend(size);
    const bytes = this.#bytes;
    // A match that overlaps itself repeats: only byte by byte does that come out right.
    if (size >= NATIVE_COPY_BYTES && distance >= size)
      bytes.copyWithin(length, length - distance, length - distance + size);
    else for (let to = length, end = length + size; to < end; to++) bytes[to] = bytes[to - distance]!;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #extend(size: number): void {
    if (this.#length + size > this.#limit)
      throw new RangeError(`an LZ4 frame whose block holds too much, or more than ${this.maxBytes} bytes in all`);
    this.#length += size;
  }
}
