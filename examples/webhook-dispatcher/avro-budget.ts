/**
 * Checks Avro bytes before they are read. Anyone who may write to a topic can write an array that claims billions of
 * items in a few bytes, and avsc would create them all.
 */
import type avro from 'avsc';

/** Items and fields for each byte: most take one or more. */
const PARTS_PER_BYTE = 8;
/** Additional items and fields, for those that take no bytes, such as null. */
const PARTS_WITHOUT_BYTES = 10_000;
/** The most items and fields of a value, however long it is. An announcement has at most 80,000. */
const MAX_PARTS = 10_000_000;
const MAX_VARINT_BYTES = 10;

/** @throws Error if `bytes`, read as a value of `type`, would have more items and fields than their length allows */
export function mustFitItsLength(type: avro.Type, bytes: Buffer): void {
  const walk = new Walk(bytes);
  walk.over(type);
}

class Walk {
  readonly #bytes: Buffer;
  #position = 0;
  #partsLeft: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#partsLeft = Math.min(bytes.length * PARTS_PER_BYTE + PARTS_WITHOUT_BYTES, MAX_PARTS);
  }

  over(type: avro.Type): void {
    switch (type.typeName) {
      case 'null':
        return;
      case 'boolean':
        return this.#move(1);
      case 'float':
        return this.#move(4);
      case 'double':
        return this.#move(8);
      case 'int':
      case 'long':
      case 'abstract:long':
      case 'enum':
        return void this.#varint();
      case 'bytes':
      case 'string':
        return this.#move(this.#varint());
      case 'fixed':
        return this.#move((type as avro.types.FixedType).size);
      case 'array':
        return this.#blocks(() => this.over((type as avro.types.ArrayType).itemsType));
      case 'map':
        return this.#blocks(() => {
          this.#move(this.#varint());
          this.over((type as avro.types.MapType).valuesType as avro.Type);
        });
      case 'record':
      case 'error':
        return this.#record((type as avro.types.RecordType).fields);
      case 'union:wrapped':
      case 'union:unwrapped':
        return this.#branch((type as avro.types.UnwrappedUnionType).types);
      default:
        throw new Error(`a ${type.typeName} cannot be checked`);
    }
  }

  #record(fields: readonly { readonly type: avro.Type }[]): void {
    this.#charge(fields.length + 1);
    for (const field of fields) this.over(field.type);
  }

  #branch(types: readonly avro.Type[]): void {
    const index = this.#varint();
    const type = types[index];
    if (type === undefined) throw new Error(`a union has no branch ${index}`);
    this.over(type);
  }

  /** Blocks that declare their size in bytes are checked item by item too, because the size may be wrong. */
  #blocks(item: () => void): void {
    for (let count = this.#varint(); count !== 0; count = this.#varint()) {
      if (count < 0) this.#varint();
      this.#charge(Math.abs(count));
      for (let i = Math.abs(count); i > 0; i--) item();
    }
  }

  #charge(parts: number): void {
    this.#partsLeft -= parts;
    if (this.#partsLeft < 0) throw new Error('the number of its items and fields does not fit the value');
  }

  #move(length: number): void {
    this.#position += length;
    if (length < 0 || this.#position > this.#bytes.length) throw new Error('the value is truncated');
  }

  /** Not exact beyond 2^53. Such a value is too large to be a length anyway. */
  #varint(): number {
    let zigzag = 0;
    for (let i = 0, factor = 1; i < MAX_VARINT_BYTES; i++, factor *= 0x80) {
      const byte = this.#bytes[this.#position];
      this.#move(1);
      zigzag += ((byte ?? 0) & 0x7f) * factor;
      if ((byte ?? 0) < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    throw new Error(`a number has more than ${MAX_VARINT_BYTES} bytes`);
  }
}
