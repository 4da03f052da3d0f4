/**
 * A cursor over the bytes of one Avro value. Hostile bytes cannot make it go past the end, go back, or do more work
 * than the length of the value allows.
 *
 * One tap reads any number of values, one after the other.
 */
import { isUtf8 } from 'node:buffer';
import { WordCache } from './word-cache.js';

/** The bytes are not a value of the schema that they name. */
export class MalformedValueError extends Error {
  override readonly name = 'MalformedValueError';
}

/**
 * How many array items, map items and record fields a value may have for each of its bytes. An item or field takes at
 * least one byte, unless it is null or a record without fields. A record inside a record counts as one item, plus its
 * own fields.
 */
const PARTS_PER_BYTE = 8;
/**
 * A value may have this many items and fields in addition, because some items and fields take no bytes. They take 0.3
 * ms (`npm run bench:costs`).
 */
export const PARTS_WITHOUT_BYTES = 10_000;
/**
 * The most items and fields of one value, used or not, however long it is. A manifest with MAX_KEPT_ITEMS datasets has
 * less than half of this. Empty records, which take no bytes, cost much time: `npm run bench:costs` prints it.
 */
export const MAX_PARTS = 10_000_000;
/**
 * The most array and map items of one value that are kept, far more than any event has. An item of two bytes may take
 * 66 bytes in memory (`npm run bench:costs`).
 */
export const MAX_KEPT_ITEMS = 1_000_000;
/** The largest depth of nested records, for example of a recursive type. The stack allows some thousands. */
export const MAX_RECORD_DEPTH = 500;
/** A 64-bit varint has at most this many bytes. */
const MAX_VARINT_BYTES = 10;
/**
 * `readVarint` is exact below this. From 2^53 on, an odd zigzag number rounds to an even one, which has the other sign.
 */
const EXACT_BELOW = 2 ** 51;
/** The character that replaces bytes that are not UTF-8. It is rare as a real character. */
const REPLACEMENT = '\uFFFD';
const NO_BYTES = Buffer.alloc(0);

export class CheckedTap {
  #buf: Buffer = NO_BYTES;
  #pos = 0;
  /** The number of parts that the value may have. */
  #parts = 0;
  /** The number of parts that the value may still have. */
  #partsLeft = 0;
  /** The number of items that may still be kept. */
  #itemsLeft = 0;
  /** The number of records that the cursor is inside of. */
  #depth = 0;
  readonly #words = new WordCache();
  #expected: Buffer = NO_BYTES;
  #expectedText = '';

  /** @param maxKeptItems the most array and map items of one value that are kept */
  constructor(private readonly maxKeptItems = MAX_KEPT_ITEMS) {}

  /**
   * Starts reading the value in `bytes` from `start` to the end.
   *
   * @param expected the bytes of a text that the value probably contains. `expectedText` is that text, and is returned
   *   instead of a new string
   */
  start(bytes: Buffer, start: number, expected: Buffer = NO_BYTES, expectedText = ''): void {
    this.#buf = bytes;
    this.#pos = start;
    this.#parts = Math.min((bytes.length - start) * PARTS_PER_BYTE + PARTS_WITHOUT_BYTES, MAX_PARTS);
    this.#partsLeft = this.#parts;
    this.#itemsLeft = this.maxKeptItems;
    this.#depth = 0;
    this.#expected = expected;
    this.#expectedText = expectedText;
  }

  /** Ends a value: no bytes may be left over. Releases its bytes. */
  finish(): void {
    const left = this.#buf.length - this.#pos;
    this.#buf = NO_BYTES;
    this.#expected = NO_BYTES;
    if (left > 0) throw new MalformedValueError(`${left} bytes are left over`);
  }

  /**
   * Begins a record; `leaveRecord` ends it.
   * @param parts the number of its fields, or more
   */
  enterRecord(parts: number): void {
    this.#charge(parts);
    if (++this.#depth > MAX_RECORD_DEPTH)
      throw new MalformedValueError(`more than ${MAX_RECORD_DEPTH} records are nested`);
  }

  leaveRecord(): void {
    this.#depth--;
  }

  /** The number of items in the next block of an array or a map; 0 at its end. The items are kept. */
  readItemCount(): number {
    const count = this.skipItemCount();
    this.#itemsLeft -= count;
    if (this.#itemsLeft < 0) throw new MalformedValueError(`it has more than ${this.maxKeptItems} items`);
    return count;
  }

  /**
   * As `readItemCount`, for items that are skipped. A block may state its size in bytes. That size is not used: if it is
   * wrong, a value would have other contents for a reader that skips the block than for one that reads it.
   */
  skipItemCount(): number {
    let count = this.#readVarint();
    if (count < 0) {
      count = -count;
      this.skipLong(); // the block's size in bytes
    }
    this.#charge(count);
    return count;
  }

  /** The index of a branch or a symbol; there are `count` of them. */
  readIndex(count: number): number {
    const index = this.#readVarint();
    if (index < 0 || index >= count)
      throw new MalformedValueError(`the index ${index} is not below the number of branches or symbols, ${count}`);
    return index;
  }

  readBoolean(): boolean {
    return this.#buf[this.#take(1)] !== 0;
  }

  skipBoolean(): void {
    this.#take(1);
  }

  readInt(): number {
    const n = this.#readVarint();
    if (n !== (n | 0)) throw new MalformedValueError(`an int of ${n} has more than 32 bits`);
    return n;
  }

  skipLong(): void {
    const buf = this.#buf;
    const end = Math.min(buf.length, this.#pos + MAX_VARINT_BYTES);
    let pos = this.#pos;
    while (pos < end) {
      if ((buf[pos++] as number) < 0x80) {
        this.#pos = pos;
        return;
      }
    }
    throw this.#unendedVarint(pos);
  }

  /** A number up to 2^53 - 1, a bigint beyond. */
  readLong(): number | bigint {
    const start = this.#pos;
    const n = this.#readVarint();
    return Math.abs(n) < EXACT_BELOW ? n : largeLong(this.#buf.subarray(start, this.#pos));
  }

  readFloat(): number {
    return this.#buf.readFloatLE(this.#take(4));
  }

  readDouble(): number {
    return this.#buf.readDoubleLE(this.#take(8));
  }

  skipFloat(): void {
    this.#take(4);
  }

  skipDouble(): void {
    this.#take(8);
  }

  /** A copy, as for `readBytes`. */
  readFixed(length: number): Buffer {
    const start = this.#take(length);
    return Buffer.from(this.#buf.subarray(start, start + length));
  }

  skipFixed(length: number): void {
    this.#take(length);
  }

  /** A copy: strings and bytes must not keep a complete fetch response in memory. */
  readBytes(): Buffer {
    return this.readFixed(this.#readVarint());
  }

  skipBytes(): void {
    this.#take(this.#readVarint());
  }

  readString(): string {
    const length = this.#readVarint();
    const start = this.#take(length);
    return this.#knownText(start, length) ?? this.#buf.toString(undefined, start, start + length);
  }

  /**
   * A text that must be UTF-8, unless it is the expected one, whose bytes the caller knows. Different bytes that are not
   * UTF-8 can become the same text.
   */
  readId(): string {
    const length = this.#readVarint();
    const start = this.#take(length);
    const known = this.#knownText(start, length);
    if (known !== null) return known;
    const end = start + length;
    const id = this.#buf.toString(undefined, start, end);
    if (id.includes(REPLACEMENT) && !isUtf8(this.#buf.subarray(start, end)))
      throw new MalformedValueError('an id is not UTF-8');
    return id;
  }

  #knownText(start: number, length: number): string | null {
    if (this.#isExpected(start, length)) return this.#expectedText;
    return this.#words.wordOf(this.#buf, start, start + length);
  }

  #charge(parts: number): void {
    this.#partsLeft -= parts;
    if (this.#partsLeft >= 0) return;
    if (this.#parts === MAX_PARTS) throw new MalformedValueError(`it has more than ${MAX_PARTS} items and fields`);
    throw new MalformedValueError('the number of its items and fields does not fit the value');
  }

  #isExpected(start: number, length: number): boolean {
    const buf = this.#buf;
    const expected = this.#expected;
    if (length !== expected.length || length === 0) return false;
    for (let i = 0; i < length; i++) if (buf[start + i] !== expected[i]) return false;
    return true;
  }

  /** Skips `length` bytes and returns where they start. */
  #take(length: number): number {
    const start = this.#pos;
    const end = start + length;
    if (length < 0) throw new MalformedValueError(`a length of ${length} is negative`);
    if (end > this.#buf.length) throw truncated();
    this.#pos = end;
    return start;
  }

  /** A zigzag varint. Not exact for numbers of EXACT_BELOW or more, but such a number is far too large to be a length anyway. */
  #readVarint(): number {
    const buf = this.#buf;
    const first = buf[this.#pos] as number;
    if (first < 0x80) {
      this.#pos++;
      return (first >>> 1) ^ -(first & 1);
    }
    const end = Math.min(buf.length, this.#pos + MAX_VARINT_BYTES);
    let pos = this.#pos;
    let n = 0;
    let factor = 1;
    while (pos < end) {
      const byte = buf[pos++] as number;
      n += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte < 0x80) {
        this.#pos = pos;
        return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
      }
    }
    throw this.#unendedVarint(pos);
  }

  #unendedVarint(stoppedAt: number): MalformedValueError {
    if (stoppedAt >= this.#buf.length) return truncated();
    return new MalformedValueError(`a number has more than ${MAX_VARINT_BYTES} bytes`);
  }
}

/** The exact long of a complete varint. */
function largeLong(varint: Buffer): number | bigint {
  let zigzag = 0n;
  for (let i = varint.length - 1; i >= 0; i--) zigzag = (zigzag << 7n) | BigInt((varint[i] as number) & 0x7f);
  const long = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n));
  return Number.isSafeInteger(Number(long)) ? Number(long) : long;
}

function truncated(): MalformedValueError {
  return new MalformedValueError('the value is truncated');
}
