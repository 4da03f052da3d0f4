/** The Avro types of the records written, loaded from the schemas folder. */
import avro from 'avsc';
import { newestSchema } from '../lib/schema-files.js';

/** Encodes values of one schema. To read Avro, use src/avro: avsc's own readers have no limits. */
export type EventWriter = Pick<avro.Type, 'toBuffer'>;

export interface EventTypes {
  readonly companySynchronized: EventWriter;
  readonly companySyncStalled: EventWriter;
  readonly companySyncFailed: EventWriter;
  /** The schemas themselves, as in the files: for comparison with the registry. */
  readonly companySynchronizedSchema: object;
  readonly companySyncStalledSchema: object;
  readonly companySyncFailedSchema: object;
}

/** @throws Error if a file of the schemas folder is missing or is not an Avro schema */
export async function loadEventTypes(folder: string): Promise<EventTypes> {
  const [companySynchronizedSchema, companySyncStalledSchema, companySyncFailedSchema] = await Promise.all([
    newestSchema(folder, 'company-synchronized-value'),
    newestSchema(folder, 'company-sync-stalled-value'),
    newestSchema(folder, 'company-sync-failed-value'),
  ]);
  return {
    companySynchronized: avro.Type.forSchema(companySynchronizedSchema as avro.Schema),
    companySynchronizedSchema,
    companySyncStalled: avro.Type.forSchema(companySyncStalledSchema as avro.Schema),
    companySyncStalledSchema,
    companySyncFailed: avro.Type.forSchema(companySyncFailedSchema as avro.Schema),
    companySyncFailedSchema,
  };
}
