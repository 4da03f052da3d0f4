/** Readers by the schema ids that values were written with. Ids that the registry does not have are remembered too. */

/** The registered schema; null if the registry does not have the id. */
export type SchemaById = (id: number) => Promise<object | null>;

/** Readers that are kept. A reader takes up to about 50 bytes for each character of its schema. */
const MAX_CHARACTERS = 1_024 * 1_024;
const MAX_IDS = 10_000;

interface Known<R> {
  /** Null if the registry does not have the id. */
  readonly reader: R | null;
  readonly characters: number;
}

export class SchemasById<R> {
  /** In the order in which they became known. */
  readonly #known = new Map<number, Known<R>>();
  #characters = 0;

  constructor(
    private readonly schemaById: SchemaById,
    private readonly readerOf: (schema: object) => R,
  ) {}

  /** The reader of an id that `prepare` was called for; null if the registry does not have the id. */
  get(id: number): R | null {
    return this.#known.get(id)?.reader ?? null;
  }

  /** Null if the id is known. */
  prepare(id: number): Promise<void> | null {
    return this.#known.has(id) ? null : this.#look(id);
  }

  async #look(id: number): Promise<void> {
    // Registries fail in different ways for impossible ids.
    const schema = id < 1 ? null : await this.schemaById(id);
    const characters = schema === null ? 0 : JSON.stringify(schema).length;
    for (const [oldest, known] of this.#known) {
      if (this.#known.size < MAX_IDS && this.#characters + characters <= MAX_CHARACTERS) break;
      this.#known.delete(oldest);
      this.#characters -= known.characters;
    }
    this.#known.set(id, { reader: schema === null ? null : this.readerOf(schema), characters });
    this.#characters += characters;
  }
}
