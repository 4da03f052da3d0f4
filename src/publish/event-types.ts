/** The Avro types of the records written, as the schemas folder has them. */
import avro from 'avsc';
import { newestSchema } from '../lib/schema-files.js';

/** Encodes values of one schema. Reading Avro is src/avro's: avsc's own readers have no bounds. */
export type EventWriter = Pick<avro.Type, 'toBuffer'>;

export interface EventTypes {
  readonly companySynchronized: EventWriter;
  readonly companySyncStalled: EventWriter;
  /** The same as the files have them: what the registry knows. */
  readonly companySynchronizedSchema: object;
  readonly companySyncStalledSchema: object;
}

/** @throws Error where a file of the schemas folder is missing or not an Avro schema */
export async function loadEventTypes(folder: string): Promise<EventTypes> {
  const [companySynchronizedSchema, companySyncStalledSchema] = await Promise.all([
    newestSchema(folder, 'company-synchronized-value'),
    newestSchema(folder, 'company-sync-stalled-value'),
  ]);
  return {
    companySynchronized: avro.Type.forSchema(companySynchronizedSchema as avro.Schema),
    companySynchronizedSchema,
    companySyncStalled: avro.Type.forSchema(companySyncStalledSchema as avro.Schema),
    companySyncStalledSchema,
  };
}
