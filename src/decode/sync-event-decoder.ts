/** Decodes input records: each becomes an event of the domain, or a bad record. */
import { isUtf8 } from 'node:buffer';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import type { DeadLetterCode } from '../domain/events.js';
import { MAX_REPAIRS, MAX_TEXT_BYTES, type LimitExceeded } from '../domain/limits.js';
import { isOwnFault } from '../lib/own-fault.js';
import { reasonOf } from '../lib/reason-of.js';
import type { Header, LogRecord } from '../lib/record.js';
import { BatchDecoding, type ValueDecoder } from './batch-decoding.js';
import { payloadOf } from './payload.js';
import { MAX_REASON_CHARACTERS, type BadRecord, type Decoded } from './bad-record.js';
import { SchemaResolution, type SchemaResolutionOptions } from './schema-resolution.js';
import { exceedsRecordLimits } from './payload.js';
import { SyncEventSchema, type SyncEventReader } from './sync-event-reader.js';

/**
 * The header that names the bad records that a record replaces: `<partition>/<offset>` in each header with this key.
 */
export const REPAIRS_HEADER = 'repairs';
const NO_REPAIRS: readonly string[] = Object.freeze([]);
/** The character that replaces bytes that are not UTF-8. Real text seldom contains it. */
const REPLACEMENT = '\uFFFD';

/** Decodes batches of one or more partitions. Decodes each record synchronously, without a promise or a closure for it. */
export class SyncEventDecoder implements ValueDecoder<LogRecord, SyncEventReader, Decoded> {
  readonly #schemas: SchemaResolution<SyncEventReader>;

  constructor(schemas: SchemaResolution<SyncEventReader>) {
    this.#schemas = schemas;
  }

  /**
   * Begins to decode a batch: one result for each record, in their order. An event contains no slice of the record's
   * buffers.
   *
   * @param asker the name in the rotation of those who ask the registry, such as that of the partition
   */
  begin(records: readonly LogRecord[], asker: string): BatchDecoding<LogRecord, SyncEventReader, Decoded> {
    return new BatchDecoding(this.#schemas, records, this, asker);
  }

  /** From now on, ids that count as unknown are asked for again. */
  forgetDenials(): void {
    this.#schemas.forgetDenials();
  }

  /** The id of the schema that a record needs; null if the record is bad without being read. */
  schemaIdOf({ key, value }: LogRecord): number | null {
    if (key === null || key.length === 0 || value === null || framingFault(value) !== null) return null;
    return schemaIdOf(value);
  }

  /**
   * Whether a record is a repair. Most repairs are sent when a missing schema has been registered: its id must not stay
   * unknown for another minute.
   */
  isRepair({ headers }: LogRecord): boolean {
    return headers.some(({ key }) => key === REPAIRS_HEADER);
  }

  /**
   * Decodes one record. The dead-letter codes apply in the order of this function.
   *
   * @param id the id of the record's schema
   * @param schema undefined if the id is unknown
   */
  decode(record: LogRecord, id: number | null, schema: SyncEventReader | undefined): Decoded {
    const { key, value } = record;
    if (key === null || key.length === 0) return badRecord(record, 'missing-key', 'the record has no key');
    if (id === null || value === null)
      return badRecord(record, 'bad-framing', framingFault(value) ?? 'the value is null');
    if (schema === undefined) return badRecord(record, 'unknown-schema', `the schema registry has no schema ${id}`);

    try {
      return decodeValue(record, key, value, schema);
    } catch (error) {
      // Any error in reading these bytes is caused by these bytes: this record must not stop the others. A fault of this
      // program is one too: the record holds its company, and the message of its dead letter names the fault.
      return undecodable(record, id, error);
    }
  }
}

/** Everything that depends on the bytes of the value. @throws Error if they cannot be read */
function decodeValue(record: LogRecord, key: Buffer, value: Buffer, schema: SyncEventReader): Decoded {
  const keyText = key.toString(undefined, 0, key.length);
  const event = schema.read(value, key, keyText);
  const { companyId, clientId } = event;

  if (keyText !== companyId) return badRecord(record, 'key-mismatch', 'the key is not the companyId of the value');
  if (keyText.includes(REPLACEMENT) && !(isUtf8(key) && schema.companyIdBytes(value).equals(key)))
    return badRecord(record, 'key-mismatch', 'the key is not, byte by byte, the companyId of the value, in UTF-8');

  const exceeded = exceedsRecordLimits(event) ?? exceedsRepairs(record.headers);
  if (exceeded !== null) return badRecord(record, exceeded.code, exceeded.why);

  const repairs = record.headers.length === 0 ? NO_REPAIRS : repairsOf(record.headers);
  const payload = payloadOf(event.payload);
  return { companyId, clientId, offset: record.offset, timestamp: record.timestamp, repairs, payload };
}

/** @param schema schemas/sync-events-value; the schema of every writer is resolved to it */
export function createSyncEventDecoder(
  schema: object,
  registry: Omit<SchemaResolutionOptions<SyncEventReader>, 'compile'>,
): SyncEventDecoder {
  const reader = new SyncEventSchema(schema);
  return new SyncEventDecoder(
    new SchemaResolution({ ...registry, compile: (registered) => reader.compile(registered) }),
  );
}

function undecodable(record: LogRecord, schemaId: number, error: unknown): BadRecord {
  const why = isOwnFault(error) ? `a fault of company-sync: ${reasonOf(error)}` : reasonOf(error);
  return badRecord(
    record,
    'undecodable',
    `it cannot be read as a SyncEvent from schema ${schemaId}: ${why.slice(0, MAX_REASON_CHARACTERS)}`,
  );
}

function badRecord(record: LogRecord, code: DeadLetterCode, fault: string): BadRecord {
  const { key } = record;
  const heldCompanyId = key === null ? null : companyToHold(key);
  const message =
    `offset ${record.offset}: ${fault}; send the corrected event to the same topic, with a header ` +
    `${REPAIRS_HEADER} = <partition>/${record.offset}`;
  return { record, code, message, heldCompanyId };
}

/**
 * The company that a key names. Null for a key that no company can have: no record with that key is ever applied, so
 * there is nothing to hold. A hold would write the key into several rows.
 */
export function companyToHold(key: Buffer): string | null {
  return key.length > 0 && key.length <= MAX_TEXT_BYTES && isUtf8(key) ? key.toString() : null;
}

/** The limit that a record's `repairs` headers exceed; null if they do not. Headers without a value do not count. */
function exceedsRepairs(headers: readonly Header[]): LimitExceeded | null {
  if (headers.length <= MAX_REPAIRS) return null;
  let repairs = 0;
  for (const { key, value } of headers) if (key === REPAIRS_HEADER && value !== null) repairs++;
  if (repairs <= MAX_REPAIRS) return null;
  const why = `it has ${repairs} ${REPAIRS_HEADER} headers, and at most ${MAX_REPAIRS} are allowed`;
  return { code: 'too-large', why };
}

/**
 * The values of a record's `repairs` headers. A value that names no hold lifts none, so any bytes are accepted. Values
 * that are longer than any id are left out.
 */
export function repairsOf(headers: readonly Header[]): readonly string[] {
  const repairs: string[] = [];
  for (const { key, value } of headers)
    if (key === REPAIRS_HEADER && value !== null && value.length <= MAX_TEXT_BYTES) repairs.push(value.toString());
  return repairs.length === 0 ? NO_REPAIRS : repairs;
}
