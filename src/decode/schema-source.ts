/** The schema registry as decoding uses it: the source of the schemas of all records read. */

/** Who needs a schema. */
export interface SchemaAsker {
  /** All requests with one name share one place in the rotation, such as those of a partition. */
  readonly name: string;
  /** If it aborts before the schema is looked up, the schema is not looked up at all. */
  readonly signal?: AbortSignal;
}

export interface SchemaSource {
  /**
   * Calls `use` with the schema registered under `id`, as parsed JSON, SchemaWithReferences or UnusableSchema. Null if the
   * registry says that it does not have the id. Every call is a new request. So callers cache the results, and make a
   * second request to find out whether the registry answers at all.
   *
   * The askers take turns. A turn ends when the promise of `use` settles.
   *
   * @returns what `use` returns
   * @throws RegistryUnavailableError if the registry gave no usable answer. That says nothing about the record.
   */
  withSchema<T>(id: number, asker: SchemaAsker, use: (schema: object | null) => T | Promise<T>): Promise<T>;
}

/** The registry is unreachable, slow or broken: wait and ask again. This never makes a record bad. */
export class RegistryUnavailableError extends Error {
  override readonly name = 'RegistryUnavailableError';
  /** The pause that the registry asks for, in milliseconds; null if it asks for none. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
