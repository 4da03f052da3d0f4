/** Shared by the tests of decoding: the schema, values written by another Avro implementation, and a registry. */
import avro from 'avsc';
import type { SchemaSource } from '../../../src/decode/schema-source.js';
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { SyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import { NO_HEADERS, type Header, type LogRecord } from '../../../src/lib/record.js';
import type { Decoded } from '../../../src/decode/bad-record.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema, schemaVersion } from '../../../testkit/schema-file.js';
import { writtenByFastavro } from '../../support/payloads.js';
import { SteppedClock } from '../../support/clocks.js';
import { schemaSource } from '../../../testkit/schema-source.js';

export interface AvroField {
  name: string;
  type: unknown;
  default?: unknown;
}
export interface AvroRecord {
  type: 'record';
  name: string;
  namespace?: string;
  fields: AvroField[];
}

/** A new copy, which the test may change. Without a version, the newest. */
export function syncEventSchema(version?: number): AvroRecord {
  const subject = 'sync-events-value';
  return (
    version === undefined ? newestSchema(SCHEMAS_FOLDER, subject) : schemaVersion(SCHEMAS_FOLDER, subject, version)
  ) as AvroRecord;
}

export function clientSettingsSchema(): AvroRecord {
  return newestSchema(SCHEMAS_FOLDER, 'client-settings-value') as AvroRecord;
}

/** The branch of `payload` called `name`. */
export function branch(schema: AvroRecord, name: string): AvroRecord {
  const found = branches(schema).find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no branch ${name}`);
  return found;
}

export function branches(schema: AvroRecord): AvroRecord[] {
  return field(schema, 'payload').type as AvroRecord[];
}

export function field(record: AvroRecord, name: string): AvroField {
  const found = record.fields.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

export function framed(schemaId: number, value: Buffer): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(schemaId, 1);
  return Buffer.concat([frame, value]);
}

export const SCHEMA_ID = 7;
export const COMPANY = 'company-1';

/** A valid record of company-1, with `changes`. */
export function recordOf(changes: Partial<LogRecord> = {}): LogRecord {
  return {
    offset: 17,
    timestamp: 1_700_000_000_123,
    key: Buffer.from(COMPANY),
    value: framed(SCHEMA_ID, writtenByFastavro('DatasetStatusChanged')),
    headers: NO_HEADERS,
    ...changes,
  };
}

export function header(key: string, value: string | Buffer | null): Header {
  return { key, value: value === null ? null : Buffer.from(value as string) };
}

/** The field values of a sync event in our own schema, with `changes`, in the JavaScript form that avsc writes. */
export function eventValue(payload: object, changes: object = {}): object {
  return {
    eventId: 'e-1',
    companyId: COMPANY,
    clientId: 'client-1',
    occurredAt: 1_700_000_000_000,
    payload,
    ...changes,
  };
}

export const STATUS = {
  datasetId: 'd-1',
  connectionId: 'connection-1',
  dataType: 'invoices',
  status: 'Complete',
  trigger: 'LINK',
  revision: 5,
  errorMessage: null,
};

export function registryOf(schemas: Readonly<Record<number, object>>): SchemaSource {
  return schemaSource((id) => Promise.resolve(schemas[id] ?? null));
}

export function decoderOf(source: SchemaSource, knownId = SCHEMA_ID, reader = syncEventSchema()): SyncEventDecoder {
  const schema = new SyncEventSchema(reader);
  const compile = (registered: object) => schema.compile(registered);
  return new SyncEventDecoder(new SchemaResolution({ source, clock: new SteppedClock(), compile, knownId }));
}

export function notAborted(): AbortSignal {
  return new AbortController().signal;
}

/** Decodes one record with a registry that has our schema as 7, and also `schemas`. */
export async function decodeOne(record: LogRecord, schemas: Readonly<Record<number, object>> = {}): Promise<Decoded> {
  const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema(), ...schemas }));
  const [decoded] = await decoder.begin([record], 'a test').all(notAborted());
  if (decoded === undefined) throw new Error('a batch of one gave nothing');
  return decoded;
}

/** Decodes `value` as encoded with `writer`. */
export function decodeWritten(writer: AvroRecord, value: object): Promise<Decoded> {
  const type = avro.Type.forSchema(writer as unknown as avro.Schema);
  return decodeOne(recordOf({ value: framed(8, type.toBuffer(value)) }), { 8: writer });
}

/** An Avro long, exact for all 64 bits; avsc's own writer is not beyond 2^52. */
export function varint(n: bigint): Buffer {
  const bytes: number[] = [];
  let zigzag = n >= 0n ? n << 1n : (-n << 1n) - 1n;
  for (; zigzag > 0x7fn; zigzag >>= 7n) bytes.push(Number(zigzag & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(zigzag)]);
}
