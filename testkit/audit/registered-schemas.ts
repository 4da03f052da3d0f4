import type { RegisteredSchemas } from './avro-values.js';
import { schemaIdOf } from './avro-values.js';
import type { TopicContents } from './topic-record.js';

const NOT_FOUND = 404;

/** Requests every schema id in the values of these topics from the registry. */
export async function fetchSchemasOf(
  registryUrl: string,
  topics: readonly TopicContents[],
): Promise<RegisteredSchemas> {
  const ids = new Set<number>();
  for (const { records } of topics)
    for (const { value } of records) {
      const id = schemaIdOf(value);
      if (id !== null) ids.add(id);
    }
  const found = await Promise.all([...ids].map(async (id) => [id, await fetchSchema(registryUrl, id)] as const));
  return new Map(found);
}

async function fetchSchema(registryUrl: string, id: number): Promise<object | null> {
  // Registries fail in different ways for impossible ids.
  if (id < 1) return null;
  const url = `${registryUrl}/schemas/ids/${id}`;
  const response = await fetch(url);
  if (response.status === NOT_FOUND) return null;
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  const { schema } = (await response.json()) as { readonly schema: string };
  return JSON.parse(schema) as object;
}
