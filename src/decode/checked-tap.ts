/**
 * A cursor over one Avro value that cannot be led astray by its bytes.
 *
 * avsc's types read from a "tap". Its own reads past the end in silence and leaves the check to the end, so that a
 * corrupt array count loops 2^50 times, and a negative block size goes back and loops for ever: one bad record would
 * stop its partition. This tap has the methods that avsc's resolvers call and checks each step.
 *
 * One tap serves any number of values, one after the other.
 */
import { WordCache } from './word-cache.js';

/** The bytes are not a value of the schema that they claim. */
export class MalformedValueError extends Error {
  override readonly name = 'MalformedValueError';
}

/** Union and enum indices are at most this large, however short the value is. */
const MAX_INDEX = 4096;
/** A 64-bit varint has no more bytes. */
const MAX_VARINT_BYTES = 10;
/** `readVarint` is exact below: from 2^53 on, an odd zigzag number rounds to an even one, which is of the other sign. */
const EXACT_BELOW = 2 ** 51;
const NO_BYTES = Buffer.alloc(0);

export class CheckedTap {
  // Named by avsc: its types read `buf` and move `pos` themselves.
  buf: Buffer = NO_BYTES;
  pos = 0;
  /** Every position up to here has been read: whoever is behind it was moved back by a negative block size. */
  private floor = 0;
  private readonly words = new WordCache();
  private expected: Buffer = NO_BYTES;
  private expectedText = '';

  /**
   * Turns to the value in `bytes` from `start` to the end.
   *
   * @param expected the bytes of a text that the value most likely has, and that text: not made a second time then
   */
  start(bytes: Buffer, start: number, expected: Buffer = NO_BYTES, expectedText = ''): void {
    this.buf = bytes;
    this.pos = start;
    this.floor = start;
    this.expected = expected;
    this.expectedText = expectedText;
  }

  /** Ends a value: nothing may be left over. Lets go of its bytes. */
  finish(): void {
    const left = this.buf.length - this.pos;
    this.buf = NO_BYTES;
    this.expected = NO_BYTES;
    if (left < 0) throw truncated();
    if (left > 0) throw new MalformedValueError(`${left} bytes are left over`);
  }

  /** Every move was checked. */
  isValid(): boolean {
    return true;
  }

  readBoolean(): boolean {
    return this.buf[this.take(1)] !== 0;
  }

  skipBoolean(): void {
    this.take(1);
  }

  readInt(): number {
    return this.readVarint();
  }

  skipInt(): void {
    this.skipLong();
  }

  /**
   * A block's count or size, or the index of a union's branch or an enum's symbol. No reader type here reads a `long`
   * of data this way (sync-event-reader.ts), so that a bound can be set which keeps a corrupt count from being
   * allocated or counted down.
   */
  readLong(): number {
    if (this.pos < this.floor) throw new MalformedValueError('a block has a negative size');
    const n = this.readVarint();
    this.floor = this.pos;
    if ((n > this.buf.length || n < -this.buf.length) && Math.abs(n) > MAX_INDEX)
      throw new MalformedValueError(`a count, size or index of ${n} does not fit the value`);
    return n;
  }

  skipLong(): void {
    const { buf } = this;
    const end = Math.min(buf.length, this.pos + MAX_VARINT_BYTES);
    let pos = this.pos;
    while (pos < end) {
      if ((buf[pos++] as number) < 0x80) {
        this.pos = pos;
        return;
      }
    }
    throw this.unendedVarint(pos);
  }

  /** A `long` of data, for long-as-bigint.ts; avsc expects the eight bytes of it and hands on what it gets. */
  unpackLongBytes(): number | bigint {
    const start = this.pos;
    const n = this.readVarint();
    return Math.abs(n) < EXACT_BELOW ? n : largeLong(this.buf.subarray(start, this.pos));
  }

  skipFloat(): void {
    this.take(4);
  }

  skipDouble(): void {
    this.take(8);
  }

  skipFixed(length: number): void {
    this.take(length);
  }

  /** A copy: strings and bytes must not keep a whole fetch response alive. */
  readBytes(): Buffer {
    const length = this.readVarint();
    const start = this.take(length);
    return Buffer.from(this.buf.subarray(start, start + length));
  }

  skipBytes(): void {
    this.take(this.readVarint());
  }

  readString(): string {
    const length = this.readVarint();
    const start = this.take(length);
    if (this.isExpected(start, length)) return this.expectedText;
    const end = start + length;
    return this.words.wordOf(this.buf, start, end) ?? this.buf.toString(undefined, start, end);
  }

  skipString(): void {
    this.take(this.readVarint());
  }

  private isExpected(start: number, length: number): boolean {
    const { buf, expected } = this;
    if (length !== expected.length || length === 0) return false;
    for (let i = 0; i < length; i++) if (buf[start + i] !== expected[i]) return false;
    return true;
  }

  /** Moves over `length` bytes and returns where they start. */
  private take(length: number): number {
    const start = this.pos;
    const end = start + length;
    if (length < 0) throw new MalformedValueError(`a length of ${length} is negative`);
    if (end > this.buf.length) throw truncated();
    this.pos = end;
    return start;
  }

  /** A zigzag varint; not exact from EXACT_BELOW on, but still far too large there to be a length. */
  private readVarint(): number {
    const { buf } = this;
    const first = buf[this.pos] as number;
    if (first < 0x80) {
      this.pos++;
      return (first >>> 1) ^ -(first & 1);
    }
    const end = Math.min(buf.length, this.pos + MAX_VARINT_BYTES);
    let pos = this.pos;
    let n = 0;
    let factor = 1;
    while (pos < end) {
      const byte = buf[pos++] as number;
      n += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte < 0x80) {
        this.pos = pos;
        return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
      }
    }
    throw this.unendedVarint(pos);
  }

  private unendedVarint(stoppedAt: number): MalformedValueError {
    if (stoppedAt >= this.buf.length) return truncated();
    return new MalformedValueError(`a number has more than ${MAX_VARINT_BYTES} bytes`);
  }
}

/** The long of a whole varint, exactly. */
function largeLong(varint: Buffer): number | bigint {
  let zigzag = 0n;
  for (let i = varint.length - 1; i >= 0; i--) zigzag = (zigzag << 7n) | BigInt((varint[i] as number) & 0x7f);
  const long = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n));
  return Number.isSafeInteger(Number(long)) ? Number(long) : long;
}

function truncated(): MalformedValueError {
  return new MalformedValueError('the value is truncated');
}
