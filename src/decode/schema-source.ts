/** Where the schemas of the records read come from: the schema registry, seen from decoding. */

export interface SchemaSource {
  /**
   * The schema registered under `id`, as parsed JSON, SchemaWithReferences or UnusableSchema; null where the registry says that it has no such id.
   * Always asked again: callers cache what they find, and tell by a second question whether the registry answers at all.
   *
   * @throws RegistryUnavailableError where the registry gave no usable answer. That says nothing about the record.
   */
  schemaById(id: number): Promise<object | null>;
}

/** The registry is unreachable, slow or broken: wait and ask again; nothing is poison for it. */
export class RegistryUnavailableError extends Error {
  override readonly name = 'RegistryUnavailableError';
}
