/** `company-sync events tail`: announcements as they are published, one line each. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { AvroReader } from '../avro/avro-reader.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { ReadersById } from '../decode/readers-by-id.js';
import type { SchemaSource } from '../decode/schema-source.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { isoTime } from '../lib/iso-time.js';
import type { LogRecord } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { ReaderClosedError } from '../pipeline/errors.js';
import { loadEventTypes } from '../publish/event-types.js';
import { commandLogs } from './command-logs.js';
import { UsageError } from './usage-error.js';

const RECORDS_A_READ = 500;

/** What of a `CompanySynchronized` the line tells. */
interface Announced {
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: number;
  readonly trigger: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
}

/** Runs until it is interrupted, or has printed as many as it was told to. @returns the exit code */
export async function tailEventsCommand(
  config: Config,
  own: Flags,
  logger: Logger,
  schemasFolder: string,
  print: (line: string) => void,
): Promise<number> {
  const topic = config.topics.companySynchronized;
  const kafka = kafkaConfigOf(config, logger);
  const count = countOf(own);
  const partitions = await partitionsOf(kafka, systemClock, topic);
  const logs = commandLogs('events tail', config, logger);
  const announcements = new Announcements(
    new SchemaRegistry(config.schemaRegistry),
    (await loadEventTypes(schemasFolder)).companySynchronizedSchema,
  );
  let left = count;
  const show = async (record: LogRecord): Promise<void> => {
    const event = await announcements.read(record);
    if (left <= 0) return;
    print(own['json'] === true ? jsonOf(record, event) : lineOf(record, event));
    if (--left === 0) await logs.close();
  };
  const readOne = async (partition: number): Promise<void> => {
    const at = { topic, partition };
    const { start, end } = await logs.bounds(at);
    const upTo = own['to-end'] === true ? end : Infinity;
    let position = own['to-end'] === true || own['from-beginning'] === true ? start : end;
    const reader = logs.reader(at, position);
    while (position < upTo) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      for (const record of records) if (record.offset < upTo) await show(record);
      position = nextOffset;
    }
    reader.close();
  };
  try {
    await Promise.all(Array.from({ length: partitions }, (_, partition) => readOne(partition)));
  } catch (error) {
    if (!(error instanceof ReaderClosedError)) throw error;
  } finally {
    await logs.close();
  }
  return 0;
}

function countOf(own: Flags): number {
  if (own['count'] === undefined) return Infinity;
  const count = Number(own['count']);
  if (own['count'] === true || !Number.isInteger(count) || count < 1)
    throw new UsageError([`--count is ${JSON.stringify(own['count'])}: expected a whole number from 1 on`]);
  return count;
}

/** Reads announcements, whatever schemas they were written with. */
class Announcements {
  readonly #readers: ReadersById<Announced>;

  constructor(registry: SchemaSource, schema: object) {
    this.#readers = new ReadersById(registry, new AvroReader(schema));
  }

  /** @returns in words why the record is not an announcement, if it is not one: anyone may write to the topic */
  async read({ value }: LogRecord): Promise<Announced | string> {
    const fault = framingFault(value);
    if (value === null || fault !== null) return fault ?? 'the value is null';
    const id = schemaIdOf(value);
    const reader = await this.#readers.of(id);
    if (reader === null) return `the registry has no schema ${id}`;
    try {
      return reader.read(value);
    } catch (error) {
      return (error as Error).message;
    }
  }
}

function lineOf({ key, offset }: LogRecord, event: Announced | string): string {
  if (typeof event === 'string') return `${String(key)} at offset ${offset} cannot be read: ${event}`;
  const { topic, partition, offset: completedAt } = event.source;
  return (
    `${isoTime(event.synchronizedAt)}  ${event.companyId}  ${JSON.stringify(event.companyName)} of ` +
    `${event.clientId}: ${event.succeeded} complete, ${event.failed} failed, ${event.ended} ended without data ` +
    `(${event.trigger}, completed by ${topic} ${partition}/${completedAt})`
  );
}

function jsonOf({ key, offset }: LogRecord, event: Announced | string): string {
  return JSON.stringify(typeof event === 'string' ? { key: String(key), offset, error: event } : event);
}
