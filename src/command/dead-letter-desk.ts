/** Reads dead letters, and decides whether a dead letter can be read as an event now. */
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { createSyncEventDecoder, type SyncEventDecoder } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import type { LogRecord, RecordToWrite } from '../lib/record.js';
import { loadReaderSchemas } from '../lib/schema-files.js';
import { systemClock } from '../lib/system-clock.js';
import type { DeadLetter } from '../publish/dead-letter.js';
import { utf8Text } from '../publish/sync-event-json.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { DeadLetterReader, READER_READS, type ReadDeadLetter, type Watched } from './dead-letter-reader.js';
import { decodeAgain } from './decode-again.js';
import type { InputAfterwards, Place } from './input-afterwards.js';
import type { BadRecords } from './original-record.js';
import { lineIn } from './input-file.js';
import type { RepairAllInput, RepairAllRun } from './repair-all-input.js';
import type { RecordId } from './repair-attempts.js';
import { newestSchemas, SCHEMA_TOPICS, syncEventJson, syncEventRecords } from './schemas.js';

/** The parts of the configuration that `DeadLetterDesk` reads. */
export const DESK_READS = [...READER_READS, ...SCHEMA_TOPICS, 'schemaRegistry'] as const;

export class DeadLetterDesk {
  readonly #reader: DeadLetterReader;
  readonly #registry: SchemaRegistry;
  #decoder: Promise<SyncEventDecoder> | undefined;

  constructor(
    private readonly config: PartsOf<(typeof DESK_READS)[number]>,
    logger: Logger,
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
  readAll(...args: Parameters<DeadLetterReader['readAll']>): Promise<ReadDeadLetters> {
    return this.#reader.readAll(...args);
  }

  /** As `DeadLetterReader.readOne`. */
  readOne(id: RecordId): Promise<ReadDeadLetter> {
    return this.#reader.readOne(id);
  }

  /** As `DeadLetterReader.afterwards`, for repairs only. */
  afterwards(deadLetters: readonly DeadLetter[], badRecords: BadRecords): Promise<InputAfterwards> {
    return this.#reader.afterwards(deadLetters, badRecords);
  }

  inputForAll(run: RepairAllRun): Promise<RepairAllInput> {
    return this.#reader.inputForAll(run, (records) => this.#decode(records));
  }

  /**
   * Returns why the event must not be sent in place of the record; null if it may be sent.
   * @param first the record that the event would stand for
   * @param home the partition of the event's company
   */
  async refusalOf(event: InputEvent, first: Place, home: number, badRecords: BadRecords): Promise<string | null> {
    const watched: Watched = {
      companies: new Set([event.companyId]),
      decode: (records) => this.#decode(records),
    };
    const afterwards = await this.#reader.afterwardsOfOne(first, home, badRecords, watched);
    return afterwards.refusalOf(event, first);
  }

  /**
   * Decodes the dead letters with the schemas that the registry has now. If one still cannot be decoded, returns the
   * reason.
   */
  async readAgain(deadLetters: readonly DeadLetter[]): Promise<readonly (InputEvent | string)[]> {
    return decodeAgain(await this.#decoderNow(), deadLetters, { onTimeout: (why) => `${why}: run the command again` });
  }

  /** Reads a file with one line of JSON, in the format of `events send`. @throws MalformedLineError */
  async readLine(file: string): Promise<{ record: RecordToWrite & { readonly key: Buffer }; event: InputEvent }> {
    const line = await lineIn('--file', file);
    const json = await syncEventJson(this.schemasFolder);
    const typed = json.eventOf(utf8Text(line));
    const record = (await syncEventRecords(this.config, json)).recordOf(typed);
    const [event] = await this.#decode([{ ...record, offset: 0, timestamp: systemClock.now() }]);
    if (event === undefined || typeof event === 'string') throw new Error(event ?? 'the line was decoded to no event');
    return { record, event };
  }

  /** @throws Error if the registry takes too long: a record that was not decoded must not count as harmless */
  async #decode(records: readonly Omit<LogRecord, 'headers'>[]): Promise<(InputEvent | string)[]> {
    if (records.length === 0) return [];
    return decodeAgain(await this.#decoderNow(), records, {
      onTimeout: (why) => {
        throw new Error(`${why}: run the command again`);
      },
    });
  }

  #decoderNow(): Promise<SyncEventDecoder> {
    this.#decoder ??= this.#createDecoder();
    return this.#decoder;
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
