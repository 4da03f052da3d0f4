/** Avro values of a `SyncEvent`, written with any registered schema that resolves to ours -> the fields we use. */
import avro from 'avsc';
import { createCheckedResolver, type CheckedResolver } from './checked-resolver.js';
import { CheckedTap, MalformedValueError } from './checked-tap.js';
import { FRAME_BYTES } from './framing.js';
import { longAsBigint } from './long-as-bigint.js';
import { judgeSchema, type ReadableSchema } from './readable-schema.js';
import type { WrappedPayload } from './payload.js';

/** A value as avsc gives it; payload.ts unwraps the payload. */
export interface SyncEventValue {
  readonly companyId: string;
  readonly clientId: string;
  readonly payload: WrappedPayload;
}

/** A payload of a kind that is not ours reads as null. */
type TolerantValue = SyncEventValue | (Omit<SyncEventValue, 'payload'> & { readonly payload: null });

interface RecordSchema {
  readonly name: string;
  readonly fields: readonly FieldSchema[];
}

interface FieldSchema {
  readonly name: string;
  readonly type: unknown;
}

/** The fields read, by record; the others are skipped over, which saves a string for each. */
const USED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  SyncEvent: ['companyId', 'clientId', 'payload'],
  AnnouncedElsewhere: [],
  DatasetStatusChanged: ['datasetId', 'connectionId', 'dataType', 'status', 'trigger', 'revision'],
};

/** Our `SyncEvent` in the shapes that reading needs. */
export class SyncEventSchema {
  /** All of it: decides whether a writer's schema resolves. */
  readonly #whole: avro.Type;
  /** The used fields alone. */
  readonly #used: avro.Type;
  /** All of it and any other branch of `payload` besides, which then reads as null. */
  readonly #tolerant: avro.Type;
  /** The companyId's own bytes. */
  readonly #companyIdBytes: avro.Type;

  /** @param schema schemas/sync-events-value */
  constructor(schema: object) {
    const record = schema as RecordSchema;
    this.#whole = readerType(record);
    this.#used = readerType(withUsedFields(record) as RecordSchema);
    this.#tolerant = readerType(withAnyPayload(record));
    this.#companyIdBytes = readerType({ ...record, fields: [{ name: 'companyId', type: 'bytes' }] });
  }

  /** Judges a registered schema and prepares reading values of it. */
  compile(registered: object): ReadableSchema<SyncEventReader> {
    return judgeSchema(
      registered,
      (writer) => new SyncEventReader(this.#resolve(writer), createCheckedResolver(this.#companyIdBytes, writer)),
    );
  }

  #resolve(writer: avro.Type): CheckedResolver<TolerantValue> {
    // A payload of another kind must cost its own records, not those that share its schema. Which branches we know
    // is decided by all fields of ours, so that only a writer who resolves in full is read by the used ones.
    const reader = resolves(this.#whole, writer) ? this.#used : this.#tolerant;
    return createCheckedResolver(reader, writer);
  }
}

/** Reads values of one registered schema. */
export class SyncEventReader {
  readonly #value: CheckedResolver<TolerantValue>;
  readonly #companyIdBytes: CheckedResolver<{ readonly companyId: Buffer }>;
  readonly #tap = new CheckedTap();

  constructor(value: CheckedResolver<TolerantValue>, companyIdBytes: CheckedResolver<{ readonly companyId: Buffer }>) {
    this.#value = value;
    this.#companyIdBytes = companyIdBytes;
  }

  /**
   * @param key the record's, which is nearly always the companyId, and its text
   * @throws Error where the framed value is not one of the schema: truncated, bytes left over, an unknown payload
   */
  read(framed: Buffer, key: Buffer, keyText: string): SyncEventValue {
    this.#tap.start(framed, FRAME_BYTES, key, keyText);
    const value = this.#value._read(this.#tap);
    // First, because nothing is read of an unknown payload: bytes of it are left over too.
    if (!hasPayload(value)) throw new MalformedValueError('its payload is of a kind that this version does not know');
    this.#tap.finish();
    return value;
  }

  /** The companyId of a value that `read` has read, not decoded: text does not tell bytes that are not UTF-8 apart. */
  companyIdBytes(framed: Buffer): Buffer {
    this.#tap.start(framed, FRAME_BYTES);
    const { companyId } = this.#companyIdBytes._read(this.#tap);
    this.#tap.finish();
    return companyId;
  }
}

function hasPayload(value: TolerantValue): value is SyncEventValue {
  return value.payload !== null;
}

/** Accepts whatever a writer may have; avsc reads nothing for a reader's null. */
class AnyBranch extends avro.types.LogicalType {
  protected override _resolve(): () => null {
    return () => null;
  }
}

function readerType(schema: object): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, {
    typeHook: (part) => (part === 'long' || (part as { type?: unknown }).type === 'long' ? longAsBigint : undefined),
    logicalTypes: { 'any-branch': AnyBranch },
  });
}

function resolves(reader: avro.Type, writer: avro.Type): boolean {
  try {
    createCheckedResolver(reader, writer);
    return true;
  } catch {
    // avsc has no other way to say no; the reason is told by the tolerant reader, which is tried next.
    return false;
  }
}

function withAnyPayload(record: RecordSchema): RecordSchema {
  const anyBranch = { type: 'null', logicalType: 'any-branch' };
  const fields = record.fields.map((field) =>
    field.name === 'payload' ? { ...field, type: [...(field.type as unknown[]), anyBranch] } : field,
  );
  return { ...record, fields };
}

/** The schema with the records named in USED_FIELDS cut down to those, wherever they are nested. */
function withUsedFields(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withUsedFields);
  if (typeof schema !== 'object' || schema === null || !('fields' in schema)) return schema;
  const record = schema as RecordSchema;
  const used = USED_FIELDS[record.name];
  const fields = used === undefined ? record.fields : record.fields.filter((field) => used.includes(field.name));
  return { ...record, fields: fields.map((field) => ({ ...field, type: withUsedFields(field.type) })) };
}
