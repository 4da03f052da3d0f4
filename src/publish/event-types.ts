/** The Avro types of the records written, as the schemas folder has them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import avro from 'avsc';

/** Encodes values of one schema. Reading Avro is src/avro's: avsc's own readers have no bounds. */
export type EventWriter = Pick<avro.Type, 'toBuffer'>;

export interface EventTypes {
  readonly companySynchronized: EventWriter;
  readonly companySyncStalled: EventWriter;
  /** The same as the files have them: what the registry knows. */
  readonly companySynchronizedSchema: object;
  readonly companySyncStalledSchema: object;
}

/**
 * Reads them from `<folder>/<subject>/v<N>.avsc`; subjects keep their default names there whatever the topics are
 * called.
 * @throws Error where a file is missing or not an Avro schema
 */
export async function loadEventTypes(folder: string): Promise<EventTypes> {
  const [synchronized, stalled] = await Promise.all([
    readSchema(folder, 'company-synchronized-value', 1),
    readSchema(folder, 'company-sync-stalled-value', 2),
  ]);
  return {
    companySynchronized: synchronized.type,
    companySynchronizedSchema: synchronized.schema,
    companySyncStalled: stalled.type,
    companySyncStalledSchema: stalled.schema,
  };
}

async function readSchema(
  folder: string,
  subject: string,
  version: number,
): Promise<{ type: EventWriter; schema: object }> {
  const file = join(folder, subject, `v${version}.avsc`);
  try {
    const schema = JSON.parse(await readFile(file, 'utf8')) as avro.Schema;
    return { type: avro.Type.forSchema(schema), schema: schema as object };
  } catch (cause) {
    throw new Error(`cannot read the schema ${file}: the schemas folder is part of the installation`, { cause });
  }
}
