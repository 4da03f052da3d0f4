/**
 * Shared by the commands about dead letters. It reads dead letters and the input records after them, and decides
 * whether a dead letter can be read now.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { isPoison } from '../decode/poison.js';
import { isDate } from '../domain/policy.js';
import { loadReaderSchemas } from '../lib/schema-files.js';
import { createSyncEventDecoder, type SyncEventDecoder } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { RecordSender, sendTogether, type RecordTo } from '../kafka/topics/record-sender.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { NO_HEADERS, type LogRecord, type RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { idOf, type DeadLetter } from '../publish/dead-letter.js';
import { InputAfterwards, type RecordIds } from './input-afterwards.js';
import { DeadLetterCollector, type ReadDeadLetters } from './dead-letter-collector.js';
import { mustBeReadable } from './input-file.js';
import { readPartitions } from './read-partitions.js';
import { repairsHeaders, type RecordId } from './repair-attempts.js';
import { newestSchemas, SCHEMA_TOPICS, syncEventJson, syncEventRecords } from './schemas.js';
import { HOUR_MS, MINUTE_MS } from '../lib/time-units.js';
import { troublePrinter } from './command-logs.js';

const DECODED_AT_ONCE = 1_000;
/** The time limit for the registry to return the schemas of one portion. */
const DECODE_TIMEOUT_MS = MINUTE_MS;
/** The largest difference between the clocks of producers. */
const CLOCK_SKEW_MS = HOUR_MS;
/** Codes of dead letters whose key is wrong: a repair may belong in another partition. */
const CODES_OF_WRONG_KEYS: readonly string[] = ['missing-key', 'key-mismatch'];

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

  constructor(
    private readonly config: PartsOf<(typeof DESK_READS)[number]>,
    private readonly logger: Logger,
    private readonly schemasFolder: string,
    printError: (line: string) => void,
  ) {
    this.#logs = new KafkaLogs({
      config: kafkaConfigOf(config, logger),
      groupId: config.applicationId,
      clock: systemClock,
      maxBatchBytes: config.maxBatchBytes,
      onTrouble: troublePrinter(printError),
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
    const read = this.#reading((deadLetter) =>
      sinceMs !== null && deadLetter.writtenAt < sinceMs ? null : wanted(deadLetter),
    );
    await readPartitions(this.#logs, topic, from, (_partition, records) => read.take(records));
    return read.result();
  }

  /**
   * Reads the dead letter of one input record. If input and dead letters have equally many partitions, it is in the
   * partition of that number. All other partitions are read only if it is not there.
   * @throws Error if there is no such dead letter
   */
  async readOne(id: RecordId): Promise<ReadDeadLetters & { readonly deadLetter: DeadLetter }> {
    const { deadLetter: topic } = this.config.topics;
    const partitions = await this.#partitions(topic);
    const expected = Number(id.split('/')[0]);
    const others = partitions.filter((partition) => partition !== expected);
    const read = this.#reading((deadLetter) => (idOf(deadLetter) === id ? deadLetter : null));
    const readFrom = (from: Map<number, number>) =>
      readPartitions(this.#logs, topic, from, (_partition, records) => read.take(records));

    if (partitions.includes(expected)) await readFrom(new Map([[expected, 0]]));
    let deadLetter = read.result().deadLetters.at(-1);
    // If the dead letter was sent as a repair, the records that it should have replaced may have another key.
    if (deadLetter === undefined || read.result().attempts.targetsOf(id).length > 0)
      await readFrom(new Map(others.map((partition) => [partition, 0])));
    else if (CODES_OF_WRONG_KEYS.includes(deadLetter.code))
      await readFrom(await this.#since(topic, others, deadLetter.writtenAt));
    deadLetter ??= read.result().deadLetters.at(-1);
    if (deadLetter === undefined)
      throw new Error(`record ${id} has no dead letter: run company-sync dead-letters list to see all`);
    return { ...read.result(), deadLetter };
  }

  /**
   * Reads the input from the first of these dead letters on. If a dead letter has no key or the key of another company,
   * its repair may be in any partition, so all partitions are read.
   * @param watched the companies whose later statuses and manifests matter
   */
  async afterwards(
    deadLetters: readonly DeadLetter[],
    poison: RecordIds,
    watched: ReadonlySet<string>,
  ): Promise<InputAfterwards> {
    const { syncEvents: topic } = this.config.topics;
    const partitions = await this.#partitions(topic);
    const anywhere = deadLetters
      .filter(({ code }) => CODES_OF_WRONG_KEYS.includes(code))
      .map(({ writtenAt }) => writtenAt);
    const from =
      anywhere.length === 0
        ? new Map<number, number>()
        : await this.#since(
            topic,
            partitions,
            anywhere.reduce((a, b) => Math.min(a, b)),
          );
    for (const { partition, offset } of deadLetters)
      from.set(partition, Math.min(offset, from.get(partition) ?? Infinity));
    for (const partition of from.keys()) if (!partitions.includes(partition)) from.delete(partition);
    return this.#readInput(from, poison, watched);
  }

  /**
   * Returns why the event must not be sent in place of the dead letter; null if it may be sent.
   * @param home the partition of the event's company
   */
  async refusalOf(event: InputEvent, deadLetter: DeadLetter, home: number, poison: RecordIds): Promise<string | null> {
    const { syncEvents: topic } = this.config.topics;
    const first =
      home === deadLetter.partition
        ? deadLetter.offset + 1
        : isDate(deadLetter.timestamp)
          ? await this.#logs.offsetSince({ topic, partition: home }, deadLetter.timestamp)
          : 0; // -1 would ask for the end, and records after the dead letter would not be seen.
    const afterwards = await this.#readInput(new Map([[home, first]]), poison, new Set([event.companyId]));
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

  #reading(wanted: (deadLetter: DeadLetter) => DeadLetter | null): DeadLetterCollector {
    return new DeadLetterCollector(this.config.topics.syncEvents, wanted);
  }

  async #partitions(topic: string): Promise<number[]> {
    const count = await this.#countPartitions(topic);
    return Array.from({ length: count }, (_, partition) => partition);
  }

  #countPartitions(topic: string): Promise<number> {
    return partitionsOf(kafkaConfigOf(this.config, this.logger), systemClock, topic);
  }

  /**
   * The offset in each partition from which records may be stamped at or after a time, whichever clock stamped them.
   */
  async #since(topic: string, partitions: readonly number[], timeMs: number): Promise<Map<number, number>> {
    const offsets = partitions.map((partition) => this.#logs.offsetSince({ topic, partition }, timeMs - CLOCK_SKEW_MS));
    return new Map((await Promise.all(offsets)).map((offset, i) => [partitions[i] as number, offset]));
  }

  async #readInput(
    from: ReadonlyMap<number, number>,
    poison: RecordIds,
    watched: ReadonlySet<string>,
  ): Promise<InputAfterwards> {
    const afterwards = new InputAfterwards(poison, watched, (records) => this.#decode(records));
    await readPartitions(this.#logs, this.config.topics.syncEvents, from, (partition, records) =>
      afterwards.take(partition, records),
    );
    return afterwards;
  }

  async #decode(records: readonly Omit<LogRecord, 'headers'>[]): Promise<(InputEvent | string)[]> {
    if (records.length === 0) return [];
    this.#decoder ??= this.#createDecoder();
    const decoder = await this.#decoder;
    const events: (InputEvent | string)[] = [];
    for (let from = 0; from < records.length; from += DECODED_AT_ONCE) {
      const piece = records.slice(from, from + DECODED_AT_ONCE).map((record) => ({ ...record, headers: NO_HEADERS }));
      for (const decoded of await decoder.decodeBatch(piece, AbortSignal.timeout(DECODE_TIMEOUT_MS)))
        events.push(isPoison(decoded) ? `${decoded.code}: ${decoded.message.split(';')[0] ?? ''}` : decoded);
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
