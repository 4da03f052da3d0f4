/** Keeps readers of values by the schema ids that the values were written with, for topics that anyone may write to. */
import type { AvroReader, ValueReader } from '../avro/avro-reader.js';
import type { SchemaAsker, SchemaSource } from './schema-source.js';

/**
 * Characters of the schemas whose readers are kept. A reader takes at most about 50 bytes for each character of its
 * schema. The latest reader is kept whatever its length.
 */
export const MAX_READER_CHARACTERS = 1_024 * 1_024;

interface Kept<T> {
  readonly reader: ValueReader<T>;
  readonly characters: number;
}

export class ReadersById<T> {
  /** In the order of their last use, oldest first. */
  readonly #kept = new Map<number, Kept<T>>();
  #characters = 0;

  constructor(
    private readonly schemas: SchemaSource,
    private readonly readers: AvroReader<T>,
    private readonly asker: SchemaAsker,
  ) {}

  /** The reader for a schema id; null if the registry does not have the id. @throws RegistryUnavailableError */
  async of(id: number): Promise<ValueReader<T> | null> {
    const known = this.#kept.get(id);
    if (known !== undefined) {
      this.#kept.delete(id);
      this.#kept.set(id, known);
      return known.reader;
    }
    return this.schemas.withSchema(id, this.asker, (schema) => (schema === null ? null : this.#keep(id, schema)));
  }

  #keep(id: number, schema: object): ValueReader<T> {
    const reader = this.readers.of(schema);
    this.#drop(id);
    const characters = JSON.stringify(schema).length;
    this.#kept.set(id, { reader, characters });
    this.#characters += characters;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= MAX_READER_CHARACTERS || oldest === id) break;
      this.#drop(oldest);
    }
    return reader;
  }

  #drop(id: number): void {
    this.#characters -= this.#kept.get(id)?.characters ?? 0;
    this.#kept.delete(id);
  }
}
