import type { SchemaSource } from '../src/decode/schema-source.js';

/** A source of schemas without turns: each look-up begins at once. */
export function schemaSource(schemaById: (id: number) => Promise<object | null>): SchemaSource {
  return { withSchema: async (id, _asker, use) => use(await schemaById(id)) };
}

/** The schema registered under an id; null if the registry does not have it. */
export function schemaById(source: SchemaSource, id: number): Promise<object | null> {
  return source.withSchema(id, { name: 'test' }, (schema) => schema);
}
