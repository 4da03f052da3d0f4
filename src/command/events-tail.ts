/** `company-sync events tail`: prints announcements as they are published, one line each. */
import { shellQuoted } from '../lib/shell-command.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { ReadersById } from '../decode/readers-by-id.js';
import type { SchemaSource } from '../decode/schema-source.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { isoTime } from '../lib/iso-time.js';
import { shortened } from '../lib/printable.js';
import type { LogRecord } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { ReaderClosedError } from '../pipeline/errors.js';
import { announcementReader } from '../publish/company-synchronized.js';
import { loadEventTypes } from '../publish/event-types.js';
import { command, countFlag, flagSwitch } from './command.js';
import { commandLogs, LOGS_READ } from './command-logs.js';

const RECORDS_PER_READ = 500;
/** Characters of a key, of a text or of an error in a line: anyone may write to the topic. No id has more. */
const MAX_SHOWN_CHARACTERS = 1_024;

/** The fields of a `CompanySynchronized` that a line shows. */
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

/** Runs until it is interrupted, or until it has printed the announcements that --count or --to-end asks for. */
export const eventsTailCommand = command({
  summary: 'print announcements as they are published',
  flags: {
    count: countFlag(Number.MAX_SAFE_INTEGER, 'end after this many announcements'),
    'from-beginning': flagSwitch('begin with the announcements that are already in the topic'),
    'to-end': flagSwitch('print the announcements that are already in the topic, then end'),
    json: flagSwitch('print each announcement as one line of JSON, with all fields'),
  },
  reads: [...LOGS_READ, 'topics.companySynchronized', 'schemaRegistry'],
  exit: [
    'all announcements that --count or --to-end asks for were printed',
    'the topic or one of its records cannot be read, or the topic does not exist',
  ],
  async run(context, { count, json, 'to-end': toEnd, 'from-beginning': fromBeginning }) {
    const { config, logger, schemasFolder, printData } = context;
    const topic = config.topics.companySynchronized;
    const kafka = kafkaConfigOf(config, logger);
    const partitions = await partitionsOf(kafka, systemClock, topic);
    const logs = commandLogs('events tail', context);
    const announcements = new Announcements(
      new SchemaRegistry(config.schemaRegistry),
      (await loadEventTypes(schemasFolder)).companySynchronizedSchema,
    );
    let left = count ?? Infinity;
    let unreadable = 0;
    const show = async (record: LogRecord): Promise<void> => {
      const event = await announcements.read(record);
      if (left <= 0) return;
      if (typeof event === 'string') unreadable++;
      printData(json ? jsonOf(record, event) : lineOf(record, event));
      if (--left === 0) await logs.close();
    };
    const readOne = async (partition: number): Promise<void> => {
      const log = { topic, partition };
      const { start, end } = await logs.bounds(log);
      const upTo = toEnd ? end : Infinity;
      let position = toEnd || fromBeginning ? start : end;
      const reader = logs.reader(log, position);
      while (position < upTo) {
        const { records, nextOffset } = await reader.next(RECORDS_PER_READ);
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
    // A list that is made of the output would lack these companies.
    if (unreadable > 0)
      throw new Error(
        `${unreadable} of the printed records cannot be read as announcements; their lines say why ` +
          `(with --json, in the field error)`,
      );
    return 0;
  },
});

/** Reads announcements that were written with any registered schema. */
class Announcements {
  readonly #readers: ReadersById<Announced>;

  constructor(registry: SchemaSource, schema: object) {
    this.#readers = new ReadersById(registry, announcementReader(schema), { name: 'events tail' });
  }

  /** Returns the announcement. If the record is not one, returns the reason as text: anyone may write to the topic. */
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

/** The line of a record. `event` is the reason as text if the record is not an announcement. */
export function lineOf(record: LogRecord, event: Announced | string): string {
  if (typeof event === 'string')
    return `${shellQuoted(shownKey(record))} at offset ${record.offset} cannot be read: ${shown(event)}`;
  const { topic, partition, offset: completedAt } = event.source;
  return (
    `${isoTime(event.synchronizedAt)}  ${shownId(event.companyId)}  ${JSON.stringify(shown(event.companyName))} of ` +
    `${shownId(event.clientId)}: ${event.succeeded} complete, ${event.failed} failed, ${event.ended} ended without data ` +
    `(${event.trigger}, completed by ${shownId(topic)} ${partition}/${completedAt})`
  );
}

/** As `lineOf`, but with all fields of an announcement. */
export function jsonOf(record: LogRecord, event: Announced | string): string {
  const { offset } = record;
  return JSON.stringify(typeof event === 'string' ? { key: shownKey(record), offset, error: shown(event) } : event);
}

function shownKey({ key }: LogRecord): string {
  return shown(key === null ? 'null' : key.toString('utf8', 0, 4 * MAX_SHOWN_CHARACTERS));
}

/** Quoted if it has blanks or quotes: it could pretend to be several words of the line. */
function shownId(id: string): string {
  return shellQuoted(shown(id));
}

function shown(text: string): string {
  return shortened(text, MAX_SHOWN_CHARACTERS);
}
