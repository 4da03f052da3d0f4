/** Reads Avro values of a `SyncEvent`, written with any registered schema, as the fields that company-sync uses. */
import { AvroReader, WriterSchema, type ValueReader } from '../avro/avro-reader.js';
import { parseSchema } from '../avro/parse-schema.js';
import { checkShapes, type ValueShapes } from '../avro/record-shape.js';
import { PAYLOAD_SHAPES, type ReadPayload } from './payload.js';

export interface SyncEventValue {
  readonly companyId: string;
  readonly clientId: string;
  readonly payload: ReadPayload;
}

interface CompanyIdBytes {
  readonly companyId: Buffer;
}

const EVENT_SHAPES: ValueShapes = {
  records: {
    ...PAYLOAD_SHAPES,
    SyncEvent: {
      used: ['companyId', 'clientId', 'payload'],
      make: (companyId: string, clientId: string, payload: ReadPayload): SyncEventValue => ({
        companyId,
        clientId,
        payload,
      }),
    },
  },
  largeLong: (long) => long,
};

/** The `SyncEvent` schema of company-sync. */
export class SyncEventSchema {
  readonly #events: AvroReader<SyncEventValue>;
  /** Reads the companyId as its own bytes. */
  readonly #companyIds: AvroReader<CompanyIdBytes>;

  /**
   * @param schema schemas/sync-events-value
   * @throws SchemaError, also if it has a payload that is not read as a payload of the domain
   */
  constructor(schema: object) {
    checkShapes(parseSchema(schema), EVENT_SHAPES.records);
    this.#events = new AvroReader(schema, EVENT_SHAPES);
    this.#companyIds = new AvroReader({ ...schema, fields: [{ name: 'companyId', type: 'bytes' }] });
  }

  /** Prepares reading values of a registered schema. */
  compile(registered: object): SyncEventReader {
    const writer = new WriterSchema(registered);
    return new SyncEventReader(this.#events.of(writer), this.#companyIds.of(writer));
  }
}

/** Reads values of one registered schema. */
export class SyncEventReader {
  readonly #event: ValueReader<SyncEventValue>;
  readonly #companyId: ValueReader<CompanyIdBytes>;

  constructor(event: ValueReader<SyncEventValue>, companyId: ValueReader<CompanyIdBytes>) {
    this.#event = event;
    this.#companyId = companyId;
  }

  /**
   * @param key the record's key, which is nearly always the companyId; `keyText` is its text
   * @throws Error if the framed value cannot be read as a SyncEvent, with the reason
   */
  read(framed: Buffer, key: Buffer, keyText: string): SyncEventValue {
    return this.#event.read(framed, key, keyText);
  }

  /**
   * The bytes of the companyId of a value that `read` has read. Text cannot distinguish different bytes that are not
   * UTF-8.
   */
  companyIdBytes(framed: Buffer): Buffer {
    return this.#companyId.read(framed).companyId;
  }
}
