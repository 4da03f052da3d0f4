/** From this length on, a native copy is faster than a loop over bytes. */
const NATIVE_COPY_BYTES = 32;
/** Decoders give this many bytes at a time: small blocks together, and a larger block alone. */
export const PIECE_BYTES = 256 * 1024;
/** A decoder lets the event loop run at least once in this many blocks, because a block may be empty. */
export const BLOCKS_A_STEP = 1024;
/** Beginning a block of LZ4 or snappy takes no longer than moving this many bytes. */
export const BLOCK_WORK_BYTES = 1024;

/** A batch decompresses to more bytes than allowed. The batch itself may be valid. */
export class TooManyBytesError extends Error {
  override readonly name = 'TooManyBytesError';
}

/** The reason for a part of a batch that takes more than an eighth of MAX_BATCH_BYTES. */
export function atOnce(part: string, maxBytes: number): string {
  return `it has ${part}, and at most ${maxBytes} may be in memory at once, an eighth of MAX_BATCH_BYTES: raise it if that is right`;
}

/**
 * The output of an LZ77 decoder, which gives it away in pieces. It keeps only the bytes that later matches may reach
 * back to.
 */
export class DecompressedBytes {
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the output ends in `#bytes`, and where the next piece begins. */
  #length = 0;
  #taken = 0;
  /** Bytes of the output that are not kept any more. */
  #dropped = 0;
  /** Matches may not reach back beyond this place in `#bytes`. */
  #reachable = 0;
  /** The length that the output may not exceed until the next call of `reserve`. */
  #limit = 0;

  /** @param maxBytes the limit of the whole output */
  constructor(private readonly maxBytes: number) {}

  /** Bytes of the whole output so far. */
  get length(): number {
    return this.#dropped + this.#length;
  }

  /** Bytes since the last call of `take`. */
  get pending(): number {
    return this.#length - this.#taken;
  }

  /** Begins a block whose matches may not reach into earlier blocks. */
  beginIndependent(): void {
    this.#reachable = this.#length;
  }

  /**
   * Makes room for the next bytes. Allocates memory for the bytes that can really follow, not for the number that a
   * header claims. So that many small blocks do not copy the output again and again, it then allocates up to twice the
   * memory, and at most PIECE_BYTES more.
   * @param atMost the input is broken if it gives more bytes than this
   * @throws TooManyBytesError if the bytes do not fit, and the output is at its limit already
   */
  reserve(atMost: number): void {
    this.#limit = this.#length + atMost;
    const most = this.maxBytes - this.#dropped;
    const needed = Math.min(this.#limit, most);
    if (needed <= this.#bytes.length) return;
    const ahead = Math.min(2 * this.#bytes.length, needed + PIECE_BYTES, most);
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, ahead));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  /**
   * The output since the last call.
   * @param history how many bytes back later matches may reach. 0: none, and a piece that fills the memory is not copied
   */
  take(history: number): Buffer {
    const whole = this.#bytes.subarray(this.#taken, this.#length);
    const kept = Math.min(history, this.#length);
    const piece = kept === 0 && whole.length === this.#bytes.length ? whole : Buffer.from(whole);
    if (kept === 0) this.#bytes = Buffer.alloc(0);
    else this.#bytes.copyWithin(0, this.#length - kept, this.#length);
    this.#dropped += this.#length - kept;
    this.#length = this.#taken = kept;
    this.#reachable = 0;
    return piece;
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
    if (distance <= 0 || distance > length - this.#reachable) throw new RangeError('a match reaches before the start');
    this.#extend(size);
    const bytes = this.#bytes;
    // A match that overlaps itself repeats its bytes: only a copy byte by byte gives the right result.
    if (size >= NATIVE_COPY_BYTES && distance >= size)
      bytes.copyWithin(length, length - distance, length - distance + size);
    else for (let to = length, end = length + size; to < end; to++) bytes[to] = bytes[to - distance]!;
  }

  #extend(size: number): void {
    if (this.#length + size > this.#limit) throw new RangeError('a block holds more than its size');
    if (this.length + size > this.maxBytes) throw new TooManyBytesError(`it holds more than ${this.maxBytes} bytes`);
    this.#length += size;
  }
}
