/**
 * Writes many small byte strings into few large chunks.
 *
 * A string is everything written between `begin` and `end`. `end` returns it as a slice of the chunk, not as a copy. A
 * full chunk is left to its slices, and a larger chunk is begun. So returned bytes never move.
 */
const FIRST_CHUNK_BYTES = 4 * 1024;
const LARGEST_CHUNK_BYTES = 256 * 1024;
/** For texts up to this length, a loop over the characters is faster than a call into the runtime. */
const SHORT_TEXT_CHARS = 48;
const MAX_VARINT_BYTES = 8;
const TWO_POW_28 = 0x1000_0000;
const LENGTH_BYTES = 4;
const NO_LENGTH = -1;

export class ByteWriter {
  #chunk: Buffer;
  #start = 0;
  #position = 0;

  constructor(firstChunkBytes = FIRST_CHUNK_BYTES) {
    this.#chunk = Buffer.allocUnsafeSlow(firstChunkBytes);
  }

  begin(): void {
    this.#start = this.#position;
  }

  end(): Buffer {
    return this.#chunk.subarray(this.#start, this.#position);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#chunk[this.#position++] = value;
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  varint(value: number): void {
    if (!(value >= 0 && Number.isSafeInteger(value))) throw new RangeError(`not an unsigned integer: ${value}`);
    this.#reserve(MAX_VARINT_BYTES);
    const chunk = this.#chunk;
    let rest = value;
    if (rest >= TWO_POW_28) {
      const low = rest % TWO_POW_28;
      rest = (rest - low) / TWO_POW_28;
      chunk[this.#position++] = (low & 0x7f) | 0x80;
      chunk[this.#position++] = ((low >>> 7) & 0x7f) | 0x80;
      chunk[this.#position++] = ((low >>> 14) & 0x7f) | 0x80;
      chunk[this.#position++] = (low >>> 21) | 0x80;
    }
    while (rest >= 0x80) {
      chunk[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[this.#position++] = rest;
  }

  /** A varint with this many additional bytes, which do not change its value. */
  paddedVarint(value: number, padding: number): void {
    this.varint(value);
    if (padding === 0) return;
    this.#reserve(padding);
    const chunk = this.#chunk;
    chunk[this.#position - 1] = (chunk[this.#position - 1] as number) | 0x80;
    for (let i = 1; i < padding; i++) chunk[this.#position++] = 0x80;
    chunk[this.#position++] = 0;
  }

  /** Zigzag, so that small negative numbers stay small. @param value an integer of less than 2^52 in magnitude */
  signedVarint(value: number): void {
    this.varint(zigzag(value));
  }

  /** Like `paddedVarint`, for signed numbers. */
  paddedSignedVarint(value: number, padding: number): void {
    this.paddedVarint(zigzag(value), padding);
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#position = this.#chunk.writeBigInt64LE(value, this.#position);
  }

  /** Leaves room for the length of the bytes that follow; `endSized` fills it in. */
  beginSized(): number {
    this.#reserve(LENGTH_BYTES);
    const room = this.#position - this.#start;
    this.#position += LENGTH_BYTES;
    return room;
  }

  /** @param room the result of `beginSized`; no other string may have begun since then */
  endSized(room: number): void {
    const position = this.#start + room;
    this.#chunk.writeInt32LE(this.#position - position - LENGTH_BYTES, position);
  }

  /** Writes, in place of a length, that there is no value. */
  noLength(): void {
    this.#reserve(LENGTH_BYTES);
    this.#position = this.#chunk.writeInt32LE(NO_LENGTH, this.#position);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#chunk.set(value, this.#position);
    this.#position += value.length;
  }

  /** Length in bytes, then UTF-8. */
  text(value: string): void {
    this.#lengthAndText(value, 0);
  }

  /** UTF-8 up to the end of the byte string, without a length. */
  textToEnd(value: string): void {
    this.#reserve(value.length * 3);
    this.#position += this.#chunk.write(value, this.#position, 'utf8');
  }

  /**
   * varint((byte length << 1) | is UUID), then the bytes: 16 for a canonical lower-case UUID, else UTF-8. The id
   * delimits itself. Every well-formed string is read back exactly.
   */
  id(value: string): void {
    if (value.length === UUID_CHARS && this.#uuid(value)) return;
    this.#lengthAndText(value, 1);
  }

  #lengthAndText(value: string, shift: number): void {
    const { length } = value;
    if (length <= SHORT_TEXT_CHARS && this.#shortAscii(value, shift)) return;
    const byteLength = Buffer.byteLength(value);
    this.varint(byteLength * (1 << shift));
    this.#reserve(byteLength);
    this.#position += this.#chunk.write(value, this.#position, 'utf8');
  }

  /** Returns false and writes nothing if a character is not ASCII. The length fits one byte. */
  #shortAscii(value: string, shift: number): boolean {
    const { length } = value;
    this.#reserve(1 + length);
    const chunk = this.#chunk;
    const start = this.#position;
    chunk[start] = length << shift;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      chunk[start + 1 + i] = code;
    }
    this.#position = start + 1 + length;
    return true;
  }

  /** Returns false and writes nothing if the text is not a canonical lower-case UUID. */
  #uuid(value: string): boolean {
    this.#reserve(1 + UUID_BYTES);
    const chunk = this.#chunk;
    let position = this.#position;
    chunk[position++] = (UUID_BYTES << 1) | 1;
    let allBytes = 0;
    let allCodes = 0;
    for (let i = 0; i < UUID_CHARS;) {
      if (i === 8 || i === 13 || i === 18 || i === 23) {
        if (value.charCodeAt(i++) !== DASH) return false;
      }
      const high = value.charCodeAt(i++);
      const low = value.charCodeAt(i++);
      const byte = ((HEX_DIGITS[high & 0xff] as number) << 4) | (HEX_DIGITS[low & 0xff] as number);
      allCodes |= high | low;
      allBytes |= byte; // Negative if one of the digits is.
      chunk[position++] = byte;
    }
    if (allBytes < 0 || allCodes > 0xff) return false;
    this.#position = position;
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#position + bytes > this.#chunk.length) this.#growBy(bytes);
  }

  #growBy(bytes: number): void {
    const begun = this.#chunk.subarray(this.#start, this.#position);
    const next = Math.min(this.#chunk.length * 2, LARGEST_CHUNK_BYTES);
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(next, (begun.length + bytes) * 2));
    this.#chunk.set(begun);
    this.#start = 0;
    this.#position = begun.length;
  }
}

export const UUID_CHARS = 36;
export const UUID_BYTES = 16;
const DASH = 0x2d;

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** By character code: the value of a lower-case hexadecimal digit; -1 for any other character. */
const HEX_DIGITS = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX_DIGITS[digit.charCodeAt(0)] = value;
