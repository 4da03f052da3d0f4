/** From this length on, a native copy is faster than a loop over bytes. */
const NATIVE_COPY_BYTES = 32;

/** A batch decompresses to more bytes than allowed. The batch itself may be valid. */
export class TooManyBytesError extends Error {
  override readonly name = 'TooManyBytesError';
}

/** The output of an LZ77 decoder so far, in one piece, because a match may reach back to its start. */
export class DecompressedBytes {
  #bytes: Buffer;
  #length = 0;
  /** The length that the output may not exceed until the next call of `reserve`. */
  #limit = 0;

  /** @param maxBytes the limit of the whole output */
  constructor(private readonly maxBytes: number) {
    this.#bytes = Buffer.alloc(0);
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Makes room for the next bytes. Allocates memory for the bytes that can really follow, not for the number that a
   * header claims.
   * @param atMost the input is broken if it gives more bytes than this
   * @throws TooManyBytesError if the bytes do not fit, and the output is at its limit already
   */
  reserve(atMost: number): void {
    this.#limit = this.#length + atMost;
    const needed = Math.min(this.#limit, this.maxBytes);
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(this.maxBytes, Math.max(needed, this.#bytes.length * 2)));
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
    if (distance <= 0 || distance > length) throw new RangeError('a match reaches before the start');
    this.#extend(size);
    const bytes = this.#bytes;
    // A match that overlaps itself repeats its bytes: only a copy byte by byte gives the right result.
    if (size >= NATIVE_COPY_BYTES && distance >= size)
      bytes.copyWithin(length, length - distance, length - distance + size);
    else for (let to = length, end = length + size; to < end; to++) bytes[to] = bytes[to - distance]!;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #extend(size: number): void {
    if (this.#length + size > this.#limit) throw new RangeError('a block holds more than its size');
    if (this.#length + size > this.maxBytes) throw new TooManyBytesError(`it holds more than ${this.maxBytes} bytes`);
    this.#length += size;
  }
}
