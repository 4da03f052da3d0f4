/**
 * Shared by the commands about dead letters. It reads dead letters and the input records after them, and decides
 * whether a dead letter can be read now.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { loadReaderSchemas } from '../lib/schema-files.js';
import { createSyncEventDecoder, type SyncEventDecoder } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { RecordSender, sendTogether, type RecordTo } from '../kafka/topics/record-sender.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord, RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { copyOf, idOf, type DeadLetter } from '../publish/dead-letter.js';
import { InputAfterwards, type RecordIds } from './input-afterwards.js';
import { decodeAgain } from './decode-again.js';
import { DeadLetterCollector, focusedOn, type ReadDeadLetters } from './dead-letter-collector.js';
import { mustBeReadable } from './input-file.js';
import { mayContinueElsewhere, startsAfter, startsAfterOne, startsSince } from './later-records.js';
import { originalOf, recordAt, type Original, type Originals } from './original-record.js';
import { readPartitions } from './read-partitions.js';
import { repairsHeaders, type RecordId } from './repair-attempts.js';
import { newestSchemas, SCHEMA_TOPICS, syncEventJson, syncEventRecords } from './schemas.js';

/** The parts of the configuration that `DeadLetterDesk` reads. */
export const DESK_READS = [
  ...(['applicationId', 'kafka', 'maxBatchBytes', 'schemaRegistry', 'topics.deadLetter'] as const),
  ...SCHEMA_TOPICS,
] as const;

export class DeadLetterDesk {
  readonly #logs: KafkaLogs;
  readonly #registry: SchemaRegistry;
  #inputPartitions: Promise<number> | undefined;
  #sender: Promise<RecordSender> | undefined;
  #decoder: Promise<SyncEventDecoder> | undefined;
  #hasWarned = false;

  constructor(
    private readonly config: PartsOf<(typeof DESK_READS)[number]>,
    private readonly logger: Logger,
    private readonly schemasFolder: string,
    private readonly printError: (line: string) => void,
  ) {
    this.#logs = new KafkaLogs({
      config: kafkaConfigOf(config, logger),
      groupId: config.applicationId,
      clock: systemClock,
      maxBatchBytes: config.maxBatchBytes,
      onTrouble: (_at, error) => printError(error.message),
    });
    this.#registry = new SchemaRegistry(config.schemaRegistry);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    const sender = await this.#sender?.catch(() => undefined);
    await Promise.all([this.#logs.close(), sender?.close()]);
  }

  /**
   * Reads the dead letters of all partitions.
   * @param sinceMs reads only dead letters written at or after this time; null reads all
   * @param wanted returns what to keep of a dead letter in memory; null to keep nothing
   */
  async readAll(
    sinceMs: number | null,
    wanted: (deadLetter: DeadLetter) => DeadLetter | null,
  ): Promise<ReadDeadLetters> {
    const { deadLetter: topic } = this.config.topics;
    const from = new Map<number, number>();
    for (const partition of await this.#partitions(topic))
      from.set(partition, sinceMs === null ? 0 : await this.#logs.offsetSince({ topic, partition }, sinceMs));
    const read = new DeadLetterCollector(this.config.topics.syncEvents, (deadLetter) =>
      sinceMs !== null && deadLetter.writtenAt < sinceMs ? null : wanted(deadLetter),
    );
    await readPartitions(this.#logs, topic, from, (_partition, records) => read.take(records));
    return this.#resultOf(read);
  }

  /**
   * Reads the dead letter of one input record. If input and dead letters have equally many partitions, it is in the
   * partition of that number. All other partitions are read only if it is not there. If there are several dead letters
   * of the record, one that is a copy of the record counts, else the first.
   * @throws Error if there is no such dead letter
   */
  async readOne(
    id: RecordId,
  ): Promise<ReadDeadLetters & { readonly deadLetter: DeadLetter; readonly original: Original }> {
    const { deadLetter: topic, syncEvents } = this.config.topics;
    const partitions = await this.#partitions(topic);
    const [expected = NaN, offset = NaN] = id.split('/').map(Number);
    const others = partitions.filter((partition) => partition !== expected);
    const record = await this.#inputRecord(expected, offset);
    let found = null as { readonly deadLetter: DeadLetter; readonly original: Original } | null;
    const read = new DeadLetterCollector(
      syncEvents,
      (deadLetter) => {
        if (idOf(deadLetter) !== id || found?.original === 'same') return null;
        const original = originalOf(deadLetter, record);
        if (found === null || original === 'same') found = { deadLetter: copyOf(deadLetter), original };
        return null;
      },
      focusedOn(id),
    );
    const readFrom = (from: Map<number, number>) =>
      readPartitions(this.#logs, topic, from, (_partition, records) => read.take(records));

    if (partitions.includes(expected)) await readFrom(new Map([[expected, 0]]));
    // If the dead letter was sent as a repair, the records that it should have replaced may have another key.
    if (found === null || found.original === 'differs' || read.result().attempts.targetsOf(id).length > 0)
      await readFrom(new Map(others.map((partition) => [partition, 0])));
    else if (mayContinueElsewhere(found.deadLetter, await this.inputPartitions())) {
      const starts = await startsSince(this.#logs, topic, partitions.length, found.deadLetter.writtenAt);
      starts.delete(expected);
      await readFrom(starts);
    }
    if (found === null)
      throw new Error(`record ${id} has no dead letter: run company-sync dead-letters list to see all`);
    return { ...this.#resultOf(read), ...found };
  }

  /**
   * Reads the input from the first of these dead letters on. If a dead letter has no key or the key of another company,
   * or if the input has got more partitions since, its repair may be in any partition, so all partitions are read.
   * @param watched the companies whose later statuses and manifests matter
   * @param originals gets all records that are read
   */
  async afterwards(
    deadLetters: readonly DeadLetter[],
    poison: RecordIds,
    watched: ReadonlySet<string>,
    originals?: Originals,
  ): Promise<InputAfterwards> {
    const { syncEvents: topic } = this.config.topics;
    const starts = await startsAfter(this.#logs, topic, await this.inputPartitions(), deadLetters);
    return this.#readInput(starts, poison, watched, originals);
  }

  /**
   * Returns why the event must not be sent in place of the dead letter; null if it may be sent.
   * @param home the partition of the event's company
   */
  async refusalOf(event: InputEvent, deadLetter: DeadLetter, home: number, poison: RecordIds): Promise<string | null> {
    const { syncEvents: topic } = this.config.topics;
    const starts = await startsAfterOne(this.#logs, topic, await this.inputPartitions(), deadLetter, home);
    const afterwards = await this.#readInput(starts, poison, new Set([event.companyId]));
    return afterwards.refusalOf(event, deadLetter);
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
    await mustBeReadable('--file', file);
    const json = await syncEventJson(this.schemasFolder);
    const typed = json.eventOf(await readFile(file, 'utf8'));
    const record = (await syncEventRecords(this.config, json)).recordOf(typed);
    const [event] = await this.#decode([{ ...record, offset: 0, timestamp: systemClock.now() }]);
    if (event === undefined || typeof event === 'string') throw new Error(event ?? 'the line was decoded to no event');
    return { record, event };
  }

  inputPartitions(): Promise<number> {
    this.#inputPartitions ??= this.#countPartitions(this.config.topics.syncEvents);
    return this.#inputPartitions;
  }

  /** Sends the records. Several records are written in one transaction: all of them or none. */
  async send(records: readonly RecordTo[]): Promise<void> {
    const { applicationId, topics } = this.config;
    const kafka = kafkaConfigOf(this.config, this.logger);
    if (records.length > 1) return sendTogether(kafka, `${applicationId}-dead-letters`, topics.syncEvents, records);
    this.#sender ??= RecordSender.connect(kafka);
    await (await this.#sender).send(topics.syncEvents, records);
  }

  /** A status record whose only effect is to lift holds. */
  async releaseOf(companyId: string, clientId: string, holds: Iterable<RecordId>, why: string): Promise<RecordToWrite> {
    const status = {
      datasetId: 'release',
      connectionId: 'release',
      dataType: 'release',
      status: 'Cancelled',
      trigger: 'REFRESH',
      errorMessage: why,
    };
    const line = JSON.stringify({ companyId, clientId, payload: { DatasetStatusChanged: status } });
    const json = await syncEventJson(this.schemasFolder);
    const record = (await syncEventRecords(this.config, json)).recordOf(json.eventOf(line));
    return { ...record, headers: repairsHeaders(holds) };
  }

  /** Warns once, because the topic may be read several times. */
  #resultOf(read: DeadLetterCollector): ReadDeadLetters {
    const result = read.result();
    if (result.incomplete !== null && !this.#hasWarned) this.printError(result.incomplete);
    this.#hasWarned ||= result.incomplete !== null;
    return result;
  }

  async #inputRecord(partition: number, offset: number): Promise<LogRecord | null> {
    if (partition >= (await this.inputPartitions())) return null;
    return recordAt(this.#logs, { topic: this.config.topics.syncEvents, partition }, offset);
  }

  async #partitions(topic: string): Promise<number[]> {
    const count = await this.#countPartitions(topic);
    return Array.from({ length: count }, (_, partition) => partition);
  }

  #countPartitions(topic: string): Promise<number> {
    return partitionsOf(kafkaConfigOf(this.config, this.logger), systemClock, topic);
  }

  async #readInput(
    from: ReadonlyMap<number, number>,
    poison: RecordIds,
    watched: ReadonlySet<string>,
    originals?: Originals,
  ): Promise<InputAfterwards> {
    const afterwards = new InputAfterwards(poison, watched, (records) => this.#decode(records));
    await readPartitions(this.#logs, this.config.topics.syncEvents, from, (partition, records) => {
      originals?.take(partition, records);
      return afterwards.take(partition, records);
    });
    return afterwards;
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
