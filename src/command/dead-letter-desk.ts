/** Reads dead letters, and decides whether a dead letter can be read as an event now. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { isBadRecord } from '../decode/bad-record.js';
import { createSyncEventDecoder, type SyncEventDecoder } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { NO_HEADERS, type LogRecord, type RecordToWrite } from '../lib/record.js';
import { loadReaderSchemas } from '../lib/schema-files.js';
import { systemClock } from '../lib/system-clock.js';
import { MINUTE_MS } from '../lib/time-units.js';
import type { DeadLetter } from '../publish/dead-letter.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { DeadLetterReader, READER_READS, type Watched } from './dead-letter-reader.js';
import type { InputAfterwards, RecordIds } from './input-afterwards.js';
import { mustBeReadable } from './input-file.js';
import type { RecordId } from './repair-attempts.js';
import { newestSchemas, SCHEMA_TOPICS, syncEventJson, syncEventRecords } from './schemas.js';

const DECODED_AT_ONCE = 1_000;
/** The time limit for the registry to return the schemas of one portion. */
const DECODE_TIMEOUT_MS = MINUTE_MS;

/** The parts of the configuration that `DeadLetterDesk` reads. */
export const DESK_READS = [...READER_READS, ...SCHEMA_TOPICS, 'schemaRegistry'] as const;

export class DeadLetterDesk {
  readonly #reader: DeadLetterReader;
  readonly #registry: SchemaRegistry;
  #inputPartitions: Promise<number> | undefined;
  #decoder: Promise<SyncEventDecoder> | undefined;

  constructor(
    private readonly config: PartsOf<(typeof DESK_READS)[number]>,
    private readonly logger: Logger,
    private readonly schemasFolder: string,
    printError: (line: string) => void,
  ) {
    this.#reader = new DeadLetterReader(config, logger, printError);
    this.#registry = new SchemaRegistry(config.schemaRegistry);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#reader.close();
  }

  /** As `DeadLetterReader.readAll`. */
  readAll(sinceMs: number | null, wanted: (deadLetter: DeadLetter) => DeadLetter | null): Promise<ReadDeadLetters> {
    return this.#reader.readAll(sinceMs, wanted);
  }

  /** As `DeadLetterReader.readOne`. */
  readOne(id: RecordId): Promise<ReadDeadLetters & { readonly deadLetter: DeadLetter }> {
    return this.#reader.readOne(id);
  }

  /** As `DeadLetterReader.afterwards`. @param companies those whose later statuses and manifests matter */
  afterwards(
    deadLetters: readonly DeadLetter[],
    badRecords: RecordIds,
    companies: ReadonlySet<string>,
  ): Promise<InputAfterwards> {
    return this.#reader.afterwards(deadLetters, badRecords, this.#watching(companies));
  }

  /**
   * Returns why the event must not be sent in place of the dead letter; null if it may be sent.
   * @param home the partition of the event's company
   */
  async refusalOf(
    event: InputEvent,
    deadLetter: DeadLetter,
    home: number,
    badRecords: RecordIds,
  ): Promise<string | null> {
    const watched = this.#watching(new Set([event.companyId]));
    const afterwards = await this.#reader.afterwardsIn(home, deadLetter, badRecords, watched);
    return afterwards.refusalOf(event, deadLetter);
  }

  /**
   * Decodes the dead letters with the schemas that the registry has now. If one still cannot be decoded, returns the
   * reason.
   */
  async readAgain(deadLetters: readonly DeadLetter[]): Promise<readonly (InputEvent | string)[]> {
    return this.#decode(deadLetters.map((deadLetter) => ({ ...deadLetter, headers: NO_HEADERS })));
  }

  /** Reads a file with one line of JSON, in the format of `events send`. @throws MalformedLineError */
  async readLine(file: string): Promise<{ record: RecordToWrite & { readonly key: Buffer }; event: InputEvent }> {
    await mustBeReadable('--file', file);
    const json = await syncEventJson(this.schemasFolder);
    const typed = json.eventOf(await readFile(file, 'utf8'));
    const record = (await syncEventRecords(this.config, json)).recordOf(typed);
    const [event] = await this.#decode([{ ...record, offset: 0, timestamp: systemClock.now() }]);
    if (event === undefined || typeof event === 'string') throw new Error(event ?? 'the line was decoded to no event');
    return { record, event };
  }

  inputPartitions(): Promise<number> {
    const { syncEvents: topic } = this.config.topics;
    this.#inputPartitions ??= partitionsOf(kafkaConfigOf(this.config, this.logger), systemClock, topic);
    return this.#inputPartitions;
  }

  #watching(companies: ReadonlySet<string>): Watched {
    return { companies, decode: (records) => this.#decode(records) };
  }

  async #decode(records: readonly Omit<LogRecord, 'headers'>[]): Promise<(InputEvent | string)[]> {
    if (records.length === 0) return [];
    this.#decoder ??= this.#createDecoder();
    const decoder = await this.#decoder;
    const events: (InputEvent | string)[] = [];
    for (let from = 0; from < records.length; from += DECODED_AT_ONCE) {
      const piece = records.slice(from, from + DECODED_AT_ONCE).map((record) => ({ ...record, headers: NO_HEADERS }));
      for (const decoded of await decoder.decodeBatch(piece, AbortSignal.timeout(DECODE_TIMEOUT_MS)))
        events.push(isBadRecord(decoded) ? `${decoded.code}: ${decoded.message.split(';')[0] ?? ''}` : decoded);
    }
    return events;
  }

  async #createDecoder(): Promise<SyncEventDecoder> {
    const newest = await newestSchemas(this.config.topics, this.schemasFolder);
    const ids = await Promise.all(newest.map(({ subject, schema }) => this.#registry.idOf(subject, schema)));
    const knownId = ids.find((id) => id !== null);
    if (knownId == null) throw new Error('no schema is registered: run `company-sync schemas register`');
    const { syncEvent } = await loadReaderSchemas(this.schemasFolder);
    return createSyncEventDecoder(syncEvent, { source: this.#registry, clock: systemClock, knownId });
  }
}
