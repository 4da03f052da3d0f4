/** The Avro types of the records written, as the schemas folder has them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import avro from 'avsc';

export interface EventTypes {
  readonly companySynchronized: avro.Type;
  /** The same as the file has it: what the registry knows. */
  readonly companySynchronizedSchema: object;
}

/**
 * Reads them from `<folder>/<subject>/v<N>.avsc`; subjects keep their default names there whatever the topics are
 * called.
 * @throws Error where a file is missing or not an Avro schema
 */
export async function loadEventTypes(folder: string): Promise<EventTypes> {
  const file = join(folder, 'company-synchronized-value', 'v1.avsc');
  try {
    const schema = JSON.parse(await readFile(file, 'utf8')) as avro.Schema;
    return { companySynchronized: avro.Type.forSchema(schema), companySynchronizedSchema: schema as object };
  } catch (cause) {
    throw new Error(`cannot read the schema ${file}: the schemas folder is part of the installation`, { cause });
  }
}
