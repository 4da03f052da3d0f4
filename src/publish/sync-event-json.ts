/** Turns lines of JSON, written by people, into records of the input topic. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import avro from 'avsc';
import { AvroReader, type ValueReader } from '../avro/avro-reader.js';
import { PLAIN_SHAPES, type RecordShapes } from '../avro/record-shape.js';
import { MAX_TEXT_BYTES, utf8Bytes } from '../domain/limits.js';
import { exceededJsonLimit } from '../lib/json-limits.js';
import type { Header, RecordToWrite } from '../lib/record.js';
import { frame } from '../avro/framing.js';

/** A line that is not an event; the message says why. */
export class MalformedLineError extends Error {
  override readonly name = 'MalformedLineError';
}

/** Fields whose texts the processor does not store. */
const NOT_KEPT = ['eventId', 'errorMessage', 'by'];
/** The most faults about texts that are reported for one line. */
const MAX_TEXT_FAULTS = 5;

/**
 * The text of a line. A record with a wrong id would change another company, or none, and nobody would notice.
 * @throws MalformedLineError
 */
export function utf8Text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new MalformedLineError('not UTF-8');
  return bytes.toString();
}

interface SyncEventSchema {
  readonly namespace: string;
  readonly fields: readonly { readonly name: string; readonly type: unknown }[];
}

interface TypedLine {
  readonly headers?: unknown;
  readonly payload?: unknown;
  readonly [field: string]: unknown;
}

/** An event as its line says it, not yet a record. */
export interface TypedEvent {
  readonly key: Buffer;
  readonly headers: readonly Header[];
  /** The name of the payload's record. */
  readonly payload: string;
  /** Avro, without the id of its schema. */
  readonly body: Buffer;
}

/**
 * Reads events written as JSON: the fields of `SyncEvent`, of which `eventId` and `occurredAt` are optional. The
 * payload is `{"<its record's name>": {its fields}}`. An optional `headers` is an object of texts.
 */
export class SyncEventJson {
  readonly #type: avro.Type;
  readonly #namespace: string;
  /** The names of the payload's records. */
  readonly payloads: readonly string[];

  /** @param schema schemas/sync-events-value */
  constructor(
    readonly schema: object,
    private readonly clock: { now(): number },
  ) {
    this.#type = avro.Type.forSchema(schema as avro.Schema);
    const { namespace, fields } = schema as SyncEventSchema;
    this.#namespace = namespace;
    const payload = fields.find(({ name }) => name === 'payload')?.type as readonly { readonly name: string }[];
    this.payloads = payload.map(({ name }) => name);
  }

  /** @throws MalformedLineError */
  eventOf(line: string): TypedEvent {
    const { headers, payload, ...fields } = parsed(line);
    const { record, value } = this.#branchOf(payload);
    const event = {
      eventId: randomUUID(),
      occurredAt: this.clock.now(),
      ...fields,
      payload: { [`${this.#namespace}.${record}`]: value },
    };
    this.#mustFit(event);
    mustHaveFitTexts(event);
    return {
      key: Buffer.from(String((event as { companyId?: unknown }).companyId)),
      headers: headersOf(headers),
      payload: record,
      body: this.#type.toBuffer(event),
    };
  }

  /** Avro's JSON needs the full name of a union's branch. People type the short name. */
  #branchOf(payload: unknown): { record: string; value: unknown } {
    const branches = Object.entries(isObject(payload) ? payload : {});
    const [branch] = branches;
    if (branch === undefined || branches.length > 1)
      throw new MalformedLineError('payload: expected {"<record>": {...}}, such as {"CompanyDeleted": {}}');
    const [name, value] = branch;
    if (!this.payloads.includes(shortened(name)))
      throw new MalformedLineError(`payload: ${name} is not one of ${this.payloads.join(', ')}`);
    return { record: shortened(name), value };
  }

  #mustFit(event: object): void {
    const faults: string[] = [];
    const errorHook = (path: string[], value: unknown, type: avro.Type): void => {
      faults.push(`${path.map(shortened).join('.') || 'the event'}: ${faultOf(value, type)}`);
    };
    this.#type.isValid(event, { noUndeclaredFields: true, errorHook });
    if (faults.length > 0) throw new MalformedLineError(faults.join('; '));
  }
}

/** Makes records of the input topic. */
export class SyncEventRecords {
  /** The first bytes of each value: they name its schema. */
  readonly #prefix: Buffer;
  /** Reads the name of a payload's record. */
  readonly #payloadNames: ValueReader<string>;

  /** @param schemaId the id that the registry has for the schema of `json` */
  constructor(
    readonly json: SyncEventJson,
    private readonly schemaId: number,
  ) {
    this.#prefix = frame(schemaId, Buffer.alloc(0));
    this.#payloadNames = payloadNames(json.schema, json.payloads);
  }

  recordOf({ key, headers, body }: TypedEvent): RecordToWrite & { readonly key: Buffer } {
    return { key, headers, value: frame(this.schemaId, body) };
  }

  /** The name of the payload's record, in a value written with this schema; null for any other value. */
  payloadOf(value: Buffer | null): string | null {
    if (value === null || !value.subarray(0, this.#prefix.length).equals(this.#prefix)) return null;
    try {
      return this.#payloadNames.read(value);
    } catch {
      return null;
    }
  }
}

/** UTF-8 has no bytes for it: another character would be sent. */
const HALF_A_CHARACTER = /\p{Cs}/u;

/** A record with a longer text becomes a dead letter. A field that it does not store may have any length. */
function mustHaveFitTexts(event: object): void {
  const faults: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === 'string' && utf8Bytes(value) > MAX_TEXT_BYTES)
      faults.push(`${path}: has ${utf8Bytes(value)} bytes, and at most ${MAX_TEXT_BYTES} are allowed`);
    if (typeof value === 'string' && HALF_A_CHARACTER.test(value))
      faults.push(`${path}: has half a character (an unpaired surrogate)`);
    if (typeof value !== 'object' || value === null) return;
    for (const [field, content] of Object.entries(value))
      if (!NOT_KEPT.includes(field)) look(content, path === '' ? shortened(field) : `${path}.${shortened(field)}`);
  };
  look(event, '');
  if (faults.length > 0) throw new MalformedLineError(faults.slice(0, MAX_TEXT_FAULTS).join('; '));
}

/** Reads a value written with `schema` as the name of its payload's record. */
function payloadNames(schema: object, payloads: readonly string[]): ValueReader<string> {
  const names = payloads.map((name) => [name, { used: [], make: () => name }] as const);
  const event = { used: ['payload'], make: (name: string) => name };
  const records: RecordShapes = { ...Object.fromEntries(names), SyncEvent: event };
  return new AvroReader<string>(schema, { ...PLAIN_SHAPES, records }).of(schema);
}

function parsed(line: string): TypedLine {
  const exceeded = exceededJsonLimit(line);
  if (exceeded !== null) throw new MalformedLineError(exceeded);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new MalformedLineError(`not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(value)) throw new MalformedLineError('expected an object');
  return value;
}

function headersOf(headers: unknown): Header[] {
  if (headers === undefined) return [];
  if (!isObject(headers)) throw new MalformedLineError('headers: expected an object of texts');
  return Object.entries(headers).map(([key, value]) => {
    if (typeof value !== 'string') throw new MalformedLineError(`headers.${key}: expected a text`);
    return { key, value: Buffer.from(value) };
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortened(step: string): string {
  return step.slice(step.lastIndexOf('.') + 1);
}

function faultOf(value: unknown, type: avro.Type): string {
  const wanted = type.branchName ?? type.typeName;
  if (value === undefined) return `is missing, expected ${shortened(wanted)}`;
  const text = JSON.stringify(value);
  // avsc refuses a complete record only if it is not an object, or if it has fields that its schema does not know.
  if (isObject(value) && avro.Type.isType(type, 'record')) {
    const known = new Set((type as avro.types.RecordType).fields.map(({ name }) => name));
    const unknown = Object.keys(value).filter((name) => !known.has(name));
    if (unknown.length > 0) return `has no field ${unknown.join(', ')}`;
  }
  const enumType = avro.Type.isType(type, 'enum') ? ` (${(type as avro.types.EnumType).symbols.join(', ')})` : '';
  return `${text.length > 60 ? `${text.slice(0, 60)}…` : text} is not a value of type ${shortened(wanted)}${enumType}`;
}
