/**
 * Reads records of the input: an event, or why the record is bad. The codes apply in the order of the contract. Only the
 * decoding of Avro is shared with the processor. Numbers in brackets are the points of the contract's fine print.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { AvroReader, type ValueReader, WriterSchema } from '../avro/avro-reader.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { parseSchema } from '../avro/parse-schema.js';
import { checkShapes, type ValueShapes } from '../avro/record-shape.js';
import type { LogRecord } from '../lib/record.js';
import type { BadCode, InputPayload, LimitCode, Manifest, ReadInput, StatusChange } from './input-event.js';
import { SchemasById, type SchemaById } from './schemas-by-id.js';

const MAX_TEXT_BYTES = 1_024;
const MAX_DATASETS = 10_000;
const MAX_REPAIRS = 10_000;
const REPAIRS_HEADER = 'repairs';
/** The character that replaces bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD';

interface Event {
  readonly companyId: string;
  readonly clientId: string;
  readonly payload: InputPayload & { readonly texts?: readonly string[] };
}

/** `texts` are fields that are limited and not used. */
const SHAPES: ValueShapes = {
  largeLong: (long) => long,
  records: {
    SyncEvent: {
      used: ['companyId', 'clientId', 'payload'],
      make: (companyId, clientId, payload) => ({ companyId, clientId, payload }),
    },
    LinkSyncQueued: {
      used: ['linkId', 'connectionId', 'sourceType', 'companyName', 'datasets', 'isFinal'],
      ids: ['linkId', 'connectionId'],
      make: (linkId, connectionId, sourceType, companyName, datasets, isFinal) => ({
        type: 'LinkSyncQueued',
        linkId,
        connectionId,
        sourceType,
        companyName,
        datasets,
        isFinal,
      }),
    },
    QueuedDataset: {
      used: ['datasetId', 'dataType'],
      ids: ['datasetId'],
      make: (datasetId, dataType) => ({ datasetId, dataType }),
    },
    DatasetStatusChanged: {
      used: ['datasetId', 'connectionId', 'dataType', 'status', 'trigger', 'revision'],
      ids: ['datasetId', 'connectionId'],
      make: (datasetId, connectionId, dataType, status, trigger, revision) => ({
        type: 'DatasetStatusChanged',
        datasetId,
        status,
        trigger,
        revision,
        texts: [connectionId, dataType],
      }),
    },
    ConnectionUnlinked: {
      used: ['connectionId'],
      ids: ['connectionId'],
      make: (connectionId) => ({ type: 'ConnectionUnlinked', connectionId }),
    },
    CompanyDeleted: { used: [], make: () => ({ type: 'CompanyDeleted' }) },
    AnnouncedElsewhere: { used: [], make: () => ({ type: 'AnnouncedElsewhere' }) },
  },
};

interface Readers {
  readonly event: ValueReader<Event>;
  /** Reads the companyId as its own bytes. */
  readonly companyId: ValueReader<{ readonly companyId: Buffer }>;
}

export class InputReader {
  readonly #readers: SchemasById<Readers>;

  /** @param schema schemas/sync-events-value. @throws SchemaError if it has a payload that the verifier does not know */
  constructor(schema: object, schemaById: SchemaById) {
    checkShapes(parseSchema(schema), SHAPES.records);
    const events = new AvroReader<Event>(schema, SHAPES);
    const ids = new AvroReader<{ companyId: Buffer }>({ ...schema, fields: [{ name: 'companyId', type: 'bytes' }] });
    this.#readers = new SchemasById(schemaById, (registered) => {
      const writer = new WriterSchema(registered);
      return { event: events.of(writer), companyId: ids.of(writer) };
    });
  }

  /** Asks for the schema of a record, if it is not known. Call it before `read`. Null if nothing needs to be awaited. */
  prepare({ value }: LogRecord): Promise<void> | null {
    return value === null || framingFault(value) !== null ? null : this.#readers.prepare(schemaIdOf(value));
  }

  readonly read = (record: LogRecord): ReadInput => {
    const { key, value, headers } = record;
    if (key === null || key.length === 0) return bad('missing-key');
    if (value === null || framingFault(value) !== null) return bad('bad-framing');
    const readers = this.#readers.get(schemaIdOf(value));
    if (readers === null) return bad('unknown-schema');
    const keyText = key.toString();
    let event: Event;
    try {
      event = readers.event.read(value, key, keyText);
    } catch {
      return bad('undecodable');
    }
    const isMismatch =
      keyText !== event.companyId || (keyText.includes(REPLACEMENT) && !sameBytes(readers, value, key));
    if (isMismatch) return bad('key-mismatch'); // [12]
    const limit = limitOf(event, headers);
    if (limit !== null) return bad(limit);
    const { clientId, payload } = event;
    return { kind: 'event', clientId, repairs: headers.length === 0 ? NONE : repairsOf(headers), payload };
  };
}

const NONE: readonly string[] = [];

function bad(code: BadCode): ReadInput {
  return { kind: 'bad', code };
}

function sameBytes({ companyId }: Readers, value: Buffer, key: Buffer): boolean {
  return isUtf8(key) && companyId.read(value).companyId.equals(key);
}

/** The company that a key names; null if no company can have such an id. */
export function companyOf(key: Buffer | null): string | null {
  return key !== null && key.length > 0 && key.length <= MAX_TEXT_BYTES && isUtf8(key) ? key.toString() : null;
}

/** The limit that a record exceeds by itself. */
function limitOf({ companyId, clientId, payload }: Event, headers: LogRecord['headers']): LimitCode | null {
  if (payload.type === 'LinkSyncQueued' && distinct(payload) > MAX_DATASETS) return 'too-many-datasets';
  if (isLong(companyId) || isLong(clientId) || hasLongText(payload)) return 'too-large';
  return headers.length > MAX_REPAIRS && repairsOf(headers).length > MAX_REPAIRS ? 'too-large' : null;
}

function distinct({ datasets }: Manifest): number {
  if (datasets.length <= MAX_DATASETS) return datasets.length;
  return new Set(datasets.map(({ datasetId }) => shortKey(datasetId))).size;
}

/** The text, or the digest of a long one: a Set compares long texts of equal length one by one. */
function shortKey(text: string): string {
  return text.length <= MAX_TEXT_BYTES ? text : createHash('sha256').update(text).digest('hex');
}

function hasLongText(payload: Event['payload']): boolean {
  switch (payload.type) {
    case 'DatasetStatusChanged':
      return isLongStatus(payload) || (payload.texts ?? NONE).some(isLong);
    case 'LinkSyncQueued': {
      const { linkId, connectionId, sourceType, companyName, datasets } = payload;
      if (isLong(linkId) || isLong(connectionId) || isLong(sourceType) || isLong(companyName)) return true;
      return datasets.some(({ datasetId, dataType }) => isLong(datasetId) || isLong(dataType));
    }
    case 'ConnectionUnlinked':
      return isLong(payload.connectionId);
    case 'CompanyDeleted':
    case 'AnnouncedElsewhere':
      return false;
  }
}

function isLongStatus({ datasetId, status }: StatusChange): boolean {
  return isLong(datasetId) || isLong(status);
}

function isLong(text: string): boolean {
  return text.length > MAX_TEXT_BYTES / 3 && Buffer.byteLength(text) > MAX_TEXT_BYTES;
}

function repairsOf(headers: LogRecord['headers']): string[] {
  const repairs: string[] = [];
  for (const { key, value } of headers) if (key === REPAIRS_HEADER && value !== null) repairs.push(value.toString());
  return repairs;
}
