/** The schemas that input is read as. A writer's own schema is resolved to them (Avro schema resolution). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ReaderSchemas {
  readonly syncEvent: object;
  readonly clientSettings: object;
}

/**
 * Reads them from the schemas folder (`<folder>/<subject>/v<N>.avsc`); subjects keep their default names there
 * whatever the topics are called.
 * @throws Error where a file is missing or not JSON
 */
export async function loadReaderSchemas(folder: string): Promise<ReaderSchemas> {
  const [syncEvent, clientSettings] = await Promise.all([
    readSchema(join(folder, 'sync-events-value', 'v2.avsc')),
    readSchema(join(folder, 'client-settings-value', 'v1.avsc')),
  ]);
  return { syncEvent, clientSettings };
}

async function readSchema(file: string): Promise<object> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as object;
  } catch (cause) {
    throw new Error(`cannot read the schema ${file}: the schemas folder is part of the installation`, { cause });
  }
}
