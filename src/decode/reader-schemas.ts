/** The schemas that input is read as. A writer's own schema is resolved to them (Avro schema resolution). */
import { newestSchema } from '../lib/schema-files.js';

export interface ReaderSchemas {
  readonly syncEvent: object;
  readonly clientSettings: object;
}

/** @throws Error where a file of the schemas folder is missing or not JSON */
export async function loadReaderSchemas(folder: string): Promise<ReaderSchemas> {
  const [syncEvent, clientSettings] = await Promise.all([
    newestSchema(folder, 'sync-events-value'),
    newestSchema(folder, 'client-settings-value'),
  ]);
  return { syncEvent, clientSettings };
}
