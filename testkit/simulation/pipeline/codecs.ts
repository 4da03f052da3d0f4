/** Avro for all runs: the schemas are read and compiled once. */
import avro from 'avsc';
import { SyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import { RegistryBrake } from '../../../src/decode/registry-brake.js';
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import { CompanySyncFailedRecords } from '../../../src/publish/company-sync-failed.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import { SCHEMAS_FOLDER } from '../../command.js';
import { newestSchema } from '../../schema-file.js';
import type { SimulatedProcess } from './process.js';
import { APPLICATION_ID } from './world.js';
import { schemaSource } from '../../schema-source.js';

export const SCHEMAS = {
  syncEvent: newestSchema(SCHEMAS_FOLDER, 'sync-events-value'),
  companySynchronized: newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value'),
  clientSettings: newestSchema(SCHEMAS_FOLDER, 'client-settings-value'),
  companySyncStalled: newestSchema(SCHEMAS_FOLDER, 'company-sync-stalled-value'),
  companySyncFailed: newestSchema(SCHEMAS_FOLDER, 'company-sync-failed-value'),
};
export const SCHEMA_IDS = {
  syncEvent: 1,
  companySynchronized: 2,
  clientSettings: 3,
  companySyncStalled: 4,
  companySyncFailed: 5,
};

const TYPES = {
  syncEvent: avro.Type.forSchema(SCHEMAS.syncEvent as avro.Schema),
  companySynchronized: avro.Type.forSchema(SCHEMAS.companySynchronized as avro.Schema),
  clientSettings: avro.Type.forSchema(SCHEMAS.clientSettings as avro.Schema),
  companySyncStalled: avro.Type.forSchema(SCHEMAS.companySyncStalled as avro.Schema),
  companySyncFailed: avro.Type.forSchema(SCHEMAS.companySyncFailed as avro.Schema),
};

/** A value in Confluent framing, under its schema's id. */
export function framed(kind: keyof typeof TYPES, value: object): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(SCHEMA_IDS[kind], 1);
  return Buffer.concat([frame, TYPES[kind].toBuffer(value)]);
}

const compiled = new SyncEventSchema(SCHEMAS.syncEvent).compile(SCHEMAS.syncEvent);

/** As `loadEventTypes`. */
export const EVENT_TYPES = {
  companySynchronized: TYPES.companySynchronized,
  companySyncStalled: TYPES.companySyncStalled,
  companySynchronizedSchema: SCHEMAS.companySynchronized,
  companySyncStalledSchema: SCHEMAS.companySyncStalled,
  companySyncFailed: TYPES.companySyncFailed,
  companySyncFailedSchema: SCHEMAS.companySyncFailed,
};

export const STALLED = { type: TYPES.companySyncStalled, schemaId: SCHEMA_IDS.companySyncStalled };
export const ANNOUNCEMENTS = new CompanySynchronizedRecords({
  type: TYPES.companySynchronized,
  schemaId: SCHEMA_IDS.companySynchronized,
  applicationId: APPLICATION_ID,
  eventNamespace: APPLICATION_ID,
});

export const FAILURES = new CompanySyncFailedRecords({
  type: TYPES.companySyncFailed,
  schemaId: SCHEMA_IDS.companySyncFailed,
  applicationId: APPLICATION_ID,
  eventNamespace: APPLICATION_ID,
});

/** The decoder of one process, with a registry that answers in simulated time. */
export function decoderOf({ world, clock }: SimulatedProcess): RegistryBrake {
  const source = schemaSource(async (id) => {
    await clock.delay(world.weather.latencyMs());
    if (world.weather.registryIsDown) throw new RegistryUnavailableError('the simulated registry is down');
    return Object.values(SCHEMA_IDS).includes(id) ? SCHEMAS.syncEvent : null;
  });
  const options = { source, clock, knownId: SCHEMA_IDS.companySynchronized, compile: () => compiled };
  const decoder = new SyncEventDecoder(new SchemaResolution(options));
  return new RegistryBrake({ isConfirmed: false, decoder, source, clock, sampleIds: () => Promise.resolve(new Map()) });
}
