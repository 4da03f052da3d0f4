/** Reads values of the topics that are compared with the input: announcements, and the clients' choices. */
import { AvroReader, type ValueReader } from '../avro/avro-reader.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { PLAIN_SHAPES } from '../avro/record-shape.js';
import type { LogRecord } from '../lib/record.js';
import { reasonOf } from '../lib/reason-of.js';
import {
  byConnection,
  byDataset,
  type AnnouncedConnection,
  type AnnouncedDataset,
  type Announcement,
} from './announcement.js';
import { SchemasById, type SchemaById } from './schemas-by-id.js';

/**
 * The most bytes of a value, and the most items of its lists, that are read. The contract limits an announcement to an
 * estimate of 6 MiB, to 10,000 datasets and to 10,000 connections.
 */
const MAX_VALUE_BYTES = 8 * 1_024 * 1_024;
const MAX_ITEMS = 100_000;

/** Reads values of one topic. Anyone may write to a topic, so a value may be anything. */
export class TopicValues<T> {
  readonly #readers: SchemasById<ValueReader<T>>;

  /** @param schema of the schemas folder */
  constructor(schema: object, schemaById: SchemaById) {
    const reader = new AvroReader<T>(schema, PLAIN_SHAPES, MAX_ITEMS);
    this.#readers = new SchemasById(schemaById, (registered) => reader.of(registered));
  }

  /** Asks for the schema of a record, if it is not known. Call it before `read`. Null if nothing needs to be awaited. */
  prepare({ value }: LogRecord): Promise<void> | null {
    return value === null || framingFault(value) !== null ? null : this.#readers.prepare(schemaIdOf(value));
  }

  /** The value, or why it cannot be read. */
  read({ value }: LogRecord): T | string {
    const fault = framingFault(value);
    if (value === null || fault !== null) return fault ?? 'the value is null';
    if (value.length > MAX_VALUE_BYTES) return `it has ${value.length} bytes, and at most ${MAX_VALUE_BYTES} are read`;
    const reader = this.#readers.get(schemaIdOf(value));
    if (reader === null) return `the registry has no schema ${schemaIdOf(value)}`;
    try {
      return reader.read(value);
    } catch (error) {
      return reasonOf(error);
    }
  }
}

/** The fields that the verifier compares. The lists become sorted, because they have no order. */
export function contentOf(read: Announcement): Announcement {
  const { eventId, companyId, clientId, companyName, synchronizedAt, trigger, succeeded, failed, ended, source } = read;
  const connections = read.connections.map(({ connectionId, sourceType }): AnnouncedConnection => ({
    connectionId,
    sourceType,
  }));
  const datasets = read.datasets.map(
    ({ datasetId, dataType, connectionId, status, decidedAtOffset }): AnnouncedDataset => ({
      datasetId,
      dataType,
      connectionId,
      status,
      decidedAtOffset,
    }),
  );
  const { topic, partition, offset } = source;
  return {
    eventId,
    companyId,
    clientId,
    companyName,
    synchronizedAt,
    trigger,
    connections: byConnection(connections),
    datasets: byDataset(datasets),
    succeeded,
    failed,
    ended,
    source: { topic, partition, offset },
    linkedAt: read.linkedAt,
  };
}
