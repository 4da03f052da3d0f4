/** Reads and writes the primitive fields of the Kafka protocol, in compact form for flexible versions (KIP-482). */

/** A field of a request does not fit the request's bytes. A real broker closes the connection then. */
export class MalformedRequestError extends Error {
  override readonly name = 'MalformedRequestError';
}

const UUID_BYTES = 16;

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
    return this.#take(1).readInt8();
  }

  int16(): number {
    return this.#take(2).readInt16BE();
  }

  int32(): number {
    return this.#take(4).readInt32BE();
  }

  int64(): bigint {
    return this.#take(8).readBigInt64BE();
  }

  uvarint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.#take(1).readUInt8();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  text(): string | null {
    const length = this.isFlexible ? this.uvarint() - 1 : this.int16();
    return length < 0 ? null : this.#take(length).toString('utf8');
  }

  /** A copy: the bytes of a connection are reused. */
  byteArray(): Buffer | null {
    const length = this.count();
    return length < 0 ? null : Buffer.from(this.#take(length));
  }

  /** The length of an array or of bytes; -1 for null. */
  count(): number {
    return this.isFlexible ? this.uvarint() - 1 : this.int32();
  }

  uuid(): string {
    return this.#take(UUID_BYTES).toString('hex');
  }

  skipTags(): void {
    if (!this.isFlexible) return;
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint();
      this.#take(this.uvarint());
    }
  }

  #take(length: number): Buffer {
    if (length > this.left)
      throw new MalformedRequestError(`a field of ${length} bytes in the last ${this.left} bytes`);
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }
}

export class FieldWriter {
  readonly #parts: Buffer[] = [];

  constructor(
    readonly version: number,
    readonly isFlexible: boolean,
  ) {}

  int8(value: number): void {
    this.#room(1).writeInt8(value);
  }

  int16(value: number): void {
    this.#room(2).writeInt16BE(value);
  }

  int32(value: number): void {
    this.#room(4).writeInt32BE(value);
  }

  int64(value: bigint): void {
    this.#room(8).writeBigInt64BE(value);
  }

  uvarint(value: number): void {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.#room(1).writeUInt8((left % 0x80) | 0x80);
    this.#room(1).writeUInt8(left);
  }

  text(value: string | null): void {
    const bytes = value === null ? null : Buffer.from(value, 'utf8');
    const length = bytes?.length ?? -1;
    if (this.isFlexible) this.uvarint(length + 1);
    else this.int16(length);
    if (bytes !== null) this.#parts.push(bytes);
  }

  byteArray(value: Buffer | null): void {
    this.count(value?.length ?? -1);
    if (value !== null) this.#parts.push(value);
  }

  /** @param count -1 for null */
  count(count: number): void {
    if (this.isFlexible) this.uvarint(count + 1);
    else this.int32(count);
  }

  uuid(value: string): void {
    this.#room(UUID_BYTES).write(value, 'hex');
  }

  noTags(): void {
    if (this.isFlexible) this.uvarint(0);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #room(length: number): Buffer {
    const part = Buffer.alloc(length);
    this.#parts.push(part);
    return part;
  }
}
