/** Reads and writes the primitive fields of the Kafka protocol, in compact form for flexible versions (KIP-482). */

/** A field of a request does not fit the request's bytes. A real broker closes the connection then. */
export class MalformedRequestError extends Error {
  override readonly name = 'MalformedRequestError';
}

const UUID_BYTES = 16;
/** Most answers fit. */
const FIRST_BYTES = 512;
const UNITS_OF_HIGH_HALF = 2 ** 32;

/** Null and empty are told apart everywhere. */
export class FieldReader {
  #at = 0;

  constructor(
    private readonly bytes: Buffer,
    readonly version: number,
    readonly isFlexible: boolean,
  ) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#pass(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#pass(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#pass(4));
  }

  int64(): number {
    const at = this.#pass(8);
    return this.bytes.readInt32BE(at) * UNITS_OF_HIGH_HALF + this.bytes.readUInt32BE(at + 4);
  }

  bigInt64(): bigint {
    return this.bytes.readBigInt64BE(this.#pass(8));
  }

  uvarint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.bytes.readUInt8(this.#pass(1));
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  text(): string | null {
    const length = this.isFlexible ? this.uvarint() - 1 : this.int16();
    if (length < 0) return null;
    const start = this.#pass(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  /** A copy: the bytes of a connection are reused. */
  byteArray(): Buffer | null {
    const length = this.count();
    if (length < 0) return null;
    const start = this.#pass(length);
    return Buffer.from(this.bytes.subarray(start, start + length));
  }

  /** The length of an array or of bytes; -1 for null. */
  count(): number {
    return this.isFlexible ? this.uvarint() - 1 : this.int32();
  }

  uuid(): string {
    const start = this.#pass(UUID_BYTES);
    return this.bytes.toString('hex', start, start + UUID_BYTES);
  }

  skipTags(): void {
    if (!this.isFlexible) return;
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint();
      this.#pass(this.uvarint());
    }
  }

  /** @returns where the bytes begin that it passes */
  #pass(length: number): number {
    if (length > this.left)
      throw new MalformedRequestError(`a field of ${length} bytes in the last ${this.left} bytes`);
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

export class FieldWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;

  constructor(
    readonly version: number,
    readonly isFlexible: boolean,
  ) {}

  int8(value: number): void {
    const at = this.#room(1);
    this.#bytes.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#bytes.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeInt32BE(value, at);
  }

  int64(value: number): void {
    const at = this.#room(8);
    this.#bytes.writeInt32BE(Math.floor(value / UNITS_OF_HIGH_HALF), at);
    this.#bytes.writeUInt32BE(value >>> 0, at + 4);
  }

  bigInt64(value: bigint): void {
    const at = this.#room(8);
    this.#bytes.writeBigInt64BE(value, at);
  }

  uvarint(value: number): void {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.#byte((left % 0x80) | 0x80);
    this.#byte(left);
  }

  text(value: string | null): void {
    const length = value === null ? -1 : Buffer.byteLength(value, 'utf8');
    if (this.isFlexible) this.uvarint(length + 1);
    else this.int16(length);
    if (value === null) return;
    const at = this.#room(length);
    this.#bytes.write(value, at, 'utf8');
  }

  byteArray(value: Buffer | null): void {
    this.count(value?.length ?? -1);
    if (value === null) return;
    const at = this.#room(value.length);
    value.copy(this.#bytes, at);
  }

  /** @param count -1 for null */
  count(count: number): void {
    if (this.isFlexible) this.uvarint(count + 1);
    else this.int32(count);
  }

  uuid(value: string): void {
    const at = this.#room(UUID_BYTES);
    this.#bytes.write(value, at, 'hex');
  }

  noTags(): void {
    if (this.isFlexible) this.uvarint(0);
  }

  /** What it has written. Write nothing more then. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  #byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** Makes room first: `#bytes` may be another buffer then. @returns where the room begins */
  #room(length: number): number {
    const start = this.#end;
    this.#end += length;
    if (this.#end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.#end);
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    return start;
  }
}
