/** The schema registry as decoding uses it: the source of the schemas of all records read. */

export interface SchemaSource {
  /**
   * The schema registered under `id`, as parsed JSON, SchemaWithReferences or UnusableSchema. Null if the registry says
   * that it does not have the id. Every call is a new request. So callers cache the results, and make a second request
   * to find out whether the registry answers at all.
   *
   * @throws RegistryUnavailableError if the registry gave no usable answer. That says nothing about the record.
   */
  schemaById(id: number): Promise<object | null>;
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
