/** Schemas and values for the targets about Avro. */
import avro from 'avsc';
import { SCHEMAS_FOLDER } from '../command.js';
import { newestSchema, schemaVersion } from '../schema-file.js';

export const SYNC_EVENT = newestSchema(SCHEMAS_FOLDER, 'sync-events-value');
export const FORMER_SYNC_EVENT = schemaVersion(SCHEMAS_FOLDER, 'sync-events-value', 1);
export const CLIENT_SETTINGS = newestSchema(SCHEMAS_FOLDER, 'client-settings-value');
export const COMPANY = 'company-1';

const ids = { linkId: 'link-1', connectionId: 'connection-1' };
const dataset = { datasetId: 'dataset-1', dataType: 'invoices' };
const datasets = [dataset, { ...dataset, datasetId: 'dataset-2' }];
const manifest = { ...ids, sourceType: 'accounting', companyName: 'Example Trading Ltd', datasets, isFinal: true };
const status = { ...dataset, connectionId: 'connection-1', status: 'Complete', trigger: 'LINK', errorMessage: null };

export const PAYLOADS = {
  manifest: { 'companysync.LinkSyncQueued': manifest },
  status: { 'companysync.DatasetStatusChanged': { ...status, revision: 5 } },
  unlinked: { 'companysync.ConnectionUnlinked': { connectionId: 'connection-1' } },
  deleted: { 'companysync.CompanyDeleted': {} },
} as const;

/** The Avro value of an event, without its frame. */
export function eventValue(payload: object, schema: object = SYNC_EVENT): Buffer {
  const event = { eventId: 'e-1', companyId: COMPANY, clientId: 'client-1', occurredAt: 1_700_000_000_000, payload };
  return avro.Type.forSchema(schema as avro.Schema).toBuffer(event);
}

export function settingValue(): Buffer {
  const value = { clientId: 'client-1', synchronizedTrigger: 'ALL_DATASETS' };
  return avro.Type.forSchema(CLIENT_SETTINGS as avro.Schema).toBuffer(value);
}

/** The frame of a value whose schema has this id. */
export function frameOf(id: number): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(id, 1);
  return frame;
}
