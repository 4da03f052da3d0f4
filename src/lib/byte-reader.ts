/**
 * Reads what `ByteWriter` wrote.
 *
 * Results share no memory with the bytes, except where a method returns a slice. If the bytes cannot come from a
 * `ByteWriter` (cut short, bytes left over, a number beyond 2^53), methods throw MalformedBytesError.
 */
import { UUID_BYTES } from './byte-writer.js';

/** The bytes cannot be what a `ByteWriter` wrote. */
export class MalformedBytesError extends Error {
  override readonly name: string = 'MalformedBytesError';
}

export class ByteReader {
  #position = 0;

  /** @param name names the bytes in errors, such as `dataset row` */
  constructor(
    private readonly bytes: Buffer,
    protected readonly name: string,
  ) {}

  get atEnd(): boolean {
    return this.#position === this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.#position++];
    if (value === undefined) throw this.#cutShort();
    return value;
  }

  varint(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
      unit *= 0x80;
    }
    // An overlong varint can give NaN, of which every comparison is false.
    if (!(value <= Number.MAX_SAFE_INTEGER)) throw this.malformed(`a number beyond 2^53`);
    return value;
  }

  /** The number of items that follow. Each item takes at least one byte. */
  count(): number {
    const count = this.varint();
    const left = this.bytes.length - this.#position;
    if (count > left) throw this.malformed(`${count} items in ${left} bytes`);
    return count;
  }

  /** A varint, and the number of its bytes beyond the minimum. */
  paddedVarint(): { value: number; padding: number } {
    const start = this.#position;
    const value = this.varint();
    let end = this.#position - 1;
    while (end > start && ((this.bytes[end] as number) & 0x7f) === 0) end--;
    return { value, padding: this.#position - 1 - end };
  }

  signedVarint(): number {
    return signed(this.varint());
  }

  /** Like `paddedVarint`, for signed numbers. */
  paddedSignedVarint(): { value: number; padding: number } {
    const { value, padding } = this.paddedVarint();
    return { value: signed(value), padding };
  }

  int64(): bigint {
    const start = this.#skip(8);
    return this.bytes.readBigInt64LE(start);
  }

  text(): string {
    return this.#utf8(this.varint());
  }

  textToEnd(): string {
    return this.#utf8(this.bytes.length - this.#position);
  }

  id(): string {
    const lengthAndKind = this.varint();
    const length = Math.floor(lengthAndKind / 2);
    if (lengthAndKind % 2 === 0) return this.#utf8(length);
    if (length !== UUID_BYTES) throw this.malformed(`a UUID of ${length} bytes`);
    const start = this.#skip(UUID_BYTES);
    const hex = this.bytes.toString('hex', start, start + UUID_BYTES);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** The bytes between `beginSized` and `endSized`: a slice, not a copy. Null for `noLength`. */
  sized(): Buffer | null {
    const length = this.bytes.readInt32LE(this.#skip(4));
    if (length < -1) throw this.malformed(`a length of ${length}`);
    return length === -1 ? null : this.slice(length);
  }

  /** A slice, not a copy. */
  slice(length: number): Buffer {
    const start = this.#skip(length);
    return this.bytes.subarray(start, this.#position);
  }

  /** Checks that all bytes were read. Bytes left over mean that the bytes are not of the expected kind. */
  end(): void {
    if (!this.atEnd) throw this.malformed(`${this.bytes.length - this.#position} bytes left over`);
  }

  /** Makes the error for malformed bytes. Callers with further checks throw it too. */
  malformed(fault: string): Error {
    return new MalformedBytesError(`${this.name}: ${fault}`);
  }

  #utf8(length: number): string {
    const start = this.#skip(length);
    return this.bytes.toString('utf8', start, this.#position);
  }

  #skip(length: number): number {
    const start = this.#position;
    this.#position += length;
    if (this.#position > this.bytes.length) throw this.#cutShort();
    return start;
  }

  #cutShort(): Error {
    return this.malformed(`cut short at ${this.bytes.length} bytes`);
  }
}

function signed(zigzag: number): number {
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}
