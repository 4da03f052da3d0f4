/**
 * Encodes and decodes the primitive types of the Kafka protocol (big-endian). Compact types are for flexible versions.
 */
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';

const TWO_TO_32 = 2 ** 32;
/** The largest high word of an int64 up to 2^53. */
const MAX_SAFE_HIGH_WORD = 2 ** 21;
const MAX_UVARINT_BITS = 35;
const UUID_BYTES = 16;
const NO_UUID = '0'.repeat(2 * UUID_BYTES);

/**
 * Reads an int64 as a number: an offset, a count or milliseconds.
 * @throws BrokerError if it is beyond 2^53: numbers are not exact there
 */
export function readSafeInt64(bytes: Buffer, position: number): number {
  const high = bytes.readInt32BE(position);
  if (high >= MAX_SAFE_HIGH_WORD || high < -MAX_SAFE_HIGH_WORD)
    throw new BrokerError(
      `the broker sent ${bytes.readBigInt64BE(position)}, which is beyond the exact numbers (2^53)`,
    );
  return high * TWO_TO_32 + bytes.readUInt32BE(position + 4);
}

/** Reads the fields of an answer one after the other. Reading past the end throws a RangeError. */
export class WireReader {
  #position = 0;
  #itemsLeft: number;

  /** @param maxItems the most items of all arrays together. By default, only the length of the answer limits them */
  constructor(
    private readonly bytes: Buffer,
    private readonly maxItems = Infinity,
  ) {
    this.#itemsLeft = maxItems;
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#skip(4));
  }

  safeInt64(): number {
    return readSafeInt64(this.bytes, this.#skip(8));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#skip(8));
  }

  boolean(): boolean {
    return this.bytes.readInt8(this.#skip(1)) !== 0;
  }

  /** Empty for null. */
  string(): string {
    const length = Math.max(0, this.int16());
    return this.#take(length).toString('utf8');
  }

  /** A slice of the answer, not a copy. Empty for null. */
  byteArray(): Buffer {
    return this.#take(Math.max(0, this.int32()));
  }

  /** As `byteArray`, of an answer that may be cut off within these bytes. */
  cutByteArray(): Buffer {
    const length = Math.max(0, this.int32());
    return this.#take(Math.min(length, this.bytes.length - this.#position));
  }

  /** Empty for null. */
  array<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.#count(this.int32()); left > 0; left--) items.push(item());
    return items;
  }

  /** Reads [topic, [partition's fields]] of a request about one partition; undefined if the answer has no partition. */
  ofOnePartition<T>(fields: () => T): T | undefined {
    const ofTopics = this.array(() => {
      this.string(); // topic
      return this.array(fields);
    });
    return ofTopics.flat()[0];
  }

  /** An unsigned varint, as flexible versions write lengths (KIP-482). */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < MAX_UVARINT_BITS; shift += 7) {
      const byte = this.bytes.readUInt8(this.#skip(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('an answer has a length of more than 5 bytes');
  }

  /** Empty for null. */
  compactString(): string {
    return this.compactBytes().toString('utf8');
  }

  /** A slice of the answer, not a copy. Empty for null. */
  compactBytes(): Buffer {
    return this.#take(Math.max(0, this.uvarint() - 1));
  }

  /** Empty for null. */
  compactArray<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.#count(this.uvarint() - 1); left > 0; left--) items.push(item());
    return items;
  }

  /** As hexadecimal digits; null for all zeros, which stand for a missing id. */
  uuid(): string | null {
    const hex = this.#take(UUID_BYTES).toString('hex');
    return hex === NO_UUID ? null : hex;
  }

  /** Skips the tagged fields at the end of a structure. */
  tags(): void {
    for (let left = this.#count(this.uvarint()); left > 0; left--) {
      this.uvarint();
      this.#take(this.uvarint());
    }
  }

  /** Checks a number of items: each item takes at least one byte, and all items count. */
  #count(items: number): number {
    const left = this.bytes.length - this.#position;
    if (items > left) throw new RangeError(`an answer claims to hold ${items} items in its last ${left} bytes`);
    this.#itemsLeft -= Math.max(0, items);
    if (this.#itemsLeft < 0) throw new RangeError(`an answer claims to hold more than ${this.maxItems} items`);
    return items;
  }

  #skip(length: number): number {
    const start = this.#position;
    this.#position += length;
    return start;
  }

  #take(length: number): Buffer {
    const start = this.#skip(length);
    if (this.#position > this.bytes.length)
      throw new RangeError(
        `an answer of ${this.bytes.length} bytes ends inside a field that ends at ${this.#position}`,
      );
    return this.bytes.subarray(start, this.#position);
  }
}

/** Writes the fields of a request one after the other. */
export class WireWriter {
  #bytes: Buffer;
  #position = 0;

  /** @param capacity how many bytes to start with; it grows if necessary */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  int8(value: number): this {
    const position = this.#reserve(1);
    this.#bytes.writeInt8(value, position);
    return this;
  }

  int16(value: number): this {
    const position = this.#reserve(2);
    this.#bytes.writeInt16BE(value, position);
    return this;
  }

  int32(value: number): this {
    const position = this.#reserve(4);
    this.#bytes.writeInt32BE(value, position);
    return this;
  }

  int64(value: number): this {
    const position = this.#reserve(8);
    this.#bytes.writeBigInt64BE(BigInt(value), position);
    return this;
  }

  /** Writes the beginning of [topic, [partition's fields]] for one partition. Write its other fields next. */
  onePartition({ topic, partition }: TopicPartition): this {
    return this.int32(1).string(topic).int32(1).int32(partition);
  }

  string(value: string): this {
    const length = Buffer.byteLength(value, 'utf8');
    this.int16(length);
    const position = this.#reserve(length);
    this.#bytes.write(value, position, 'utf8');
    return this;
  }

  uvarint(value: number): this {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.#byte((left % 0x80) | 0x80);
    return this.#byte(left);
  }

  compactString(value: string): this {
    const length = Buffer.byteLength(value, 'utf8');
    this.uvarint(length + 1);
    const position = this.#reserve(length);
    this.#bytes.write(value, position, 'utf8');
    return this;
  }

  /** @param id null for the id of all zeros */
  uuid(id: string | null): this {
    const position = this.#reserve(UUID_BYTES);
    this.#bytes.write(id ?? NO_UUID, position, 'hex');
    return this;
  }

  /** Ends a structure of a flexible version, without tagged fields. */
  noTags(): this {
    return this.#byte(0);
  }

  /** The bytes written so far. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  #byte(value: number): this {
    const position = this.#reserve(1);
    this.#bytes.writeUInt8(value, position);
    return this;
  }

  /**
   * Makes room. It may replace `#bytes`. So call it before you read that field, and never in the arguments of a method
   * of that field.
   */
  #reserve(length: number): number {
    const start = this.#position;
    if (start + length > this.#bytes.length) this.#grow(start + length);
    this.#position += length;
    return start;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#position);
    this.#bytes = grown;
  }
}
