/** Reads dead letters, and the input records after them. */
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { copyOf, idOf, type DeadLetter } from '../publish/dead-letter.js';
import { LOGS_READ, troublePrinter } from './command-logs.js';
import { DeadLetterCollector, focusedOn, writtenSince, type ReadDeadLetters } from './dead-letter-collector.js';
import { InputAfterwards, type Decode, type Place } from './input-afterwards.js';
import { mayContinueElsewhere, repairsSinceMs, startsAfter, startsAfterOne, startsSince } from './later-records.js';
import { originalOf, recordAt, type BadRecords, type Original } from './original-record.js';
import { readPartitions } from './read-partitions.js';
import { RepairAllInput, type RepairAllRun } from './repair-all-input.js';
import type { RecordId } from './repair-attempts.js';

/** The parts of the configuration that `DeadLetterReader` reads. */
export const READER_READS = [...LOGS_READ, 'topics.deadLetter', 'topics.syncEvents'] as const;

/** The companies whose later statuses and manifests matter, and the decoder that reads these. */
export interface Watched {
  readonly companies: ReadonlySet<string>;
  readonly decode: Decode;
}

/** One dead letter, and whether it is a copy of its input record. */
export interface ReadDeadLetter extends ReadDeadLetters {
  readonly deadLetter: DeadLetter;
  readonly original: Original;
}

const NOTHING_WATCHED: Watched = { companies: new Set(), decode: () => Promise.resolve([]) };

export class DeadLetterReader {
  readonly #logs: KafkaLogs;
  #hasWarned = false;

  constructor(
    private readonly config: PartsOf<(typeof READER_READS)[number]>,
    private readonly logger: Logger,
    private readonly printError: (line: string) => void,
  ) {
    this.#logs = new KafkaLogs({
      config: kafkaConfigOf(config, logger),
      groupId: config.applicationId,
      clock: systemClock,
      maxBatchBytes: config.maxBatchBytes,
      onTrouble: troublePrinter(printError),
    });
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#logs.close();
  }

  /**
   * Reads the dead letters of all partitions.
   * @param sinceMs reads only dead letters written at or after this time; null reads all
   * @param wanted returns what to keep of a dead letter in memory; null to keep nothing
   * @param afterEach awaited after each call of `wanted` for some dead letters. Until it resolves, their bytes are valid
   */
  async readAll(
    sinceMs: number | null,
    wanted: (deadLetter: DeadLetter) => DeadLetter | null,
    afterEach: () => Promise<void> | void = () => undefined,
  ): Promise<ReadDeadLetters> {
    const { deadLetter: topic } = this.config.topics;
    const from = new Map<number, number>();
    for (const partition of await this.#partitions(topic))
      from.set(partition, sinceMs === null ? 0 : await this.#logs.offsetSince({ topic, partition }, sinceMs));
    const collector = new DeadLetterCollector(this.config.topics.syncEvents, wanted, writtenSince(sinceMs));
    await readPartitions(this.#logs, topic, from, (_partition, records) => {
      collector.take(records);
      return afterEach();
    });
    return this.#resultOf(collector);
  }

  /**
   * Reads the dead letter of one input record. If input and dead letters have equally many partitions, it is in the
   * partition of that number. All other partitions are read only if it is not there. If there are several dead letters
   * of the record, one that is a copy of the record counts, else the first.
   * @throws Error if there is no such dead letter
   */
  async readOne(id: RecordId): Promise<ReadDeadLetter> {
    const { deadLetter: topic, syncEvents } = this.config.topics;
    const partitions = await this.#partitions(topic);
    const [expected = NaN, offset = NaN] = id.split('/').map(Number);
    const others = partitions.filter((partition) => partition !== expected);
    const record = await this.#inputRecord(expected, offset);
    let found = null as { readonly deadLetter: DeadLetter; readonly original: Original } | null;
    const collector = new DeadLetterCollector(
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
      readPartitions(this.#logs, topic, from, (_partition, records) => collector.take(records));

    if (partitions.includes(expected)) await readFrom(new Map([[expected, 0]]));
    // A dead letter that was sent as a repair names other records. They may have another key, so another partition.
    if (found === null || found.original === 'differs' || collector.result().attempts.targetsOf(id).length > 0)
      await readFrom(new Map(others.map((partition) => [partition, 0])));
    else if (mayContinueElsewhere(found.deadLetter, await this.#countPartitions(syncEvents))) {
      const starts = await startsSince(this.#logs, topic, partitions.length, repairsSinceMs(found.deadLetter));
      starts.delete(expected);
      await readFrom(starts);
    }
    if (found === null)
      throw new Error(`record ${id} has no dead letter: run company-sync dead-letters list to see all`);
    return { ...this.#resultOf(collector), ...found };
  }

  /**
   * Reads the input from the first of these dead letters on. In two cases it reads all partitions, because a repair may
   * be in any of them: a dead letter has no key or the key of another company, or the input has got more partitions
   * since.
   */
  async afterwards(deadLetters: readonly DeadLetter[], badRecords: BadRecords): Promise<InputAfterwards> {
    const { syncEvents: topic } = this.config.topics;
    const partitions = await this.#countPartitions(topic);
    const starts = await startsAfter(this.#logs, topic, partitions, deadLetters, NOTHING_WATCHED.companies);
    return this.#readInput(starts, badRecords, NOTHING_WATCHED);
  }

  /** Reads the input for `repair --all`. */
  async inputForAll(run: RepairAllRun, decode: Decode): Promise<RepairAllInput> {
    const { syncEvents: topic } = this.config.topics;
    const partitions = await this.#countPartitions(topic);
    return new RepairAllInput({ logs: this.#logs, topic, partitions, decode }, run);
  }

  /**
   * Reads the input after one dead letter whose company is known.
   * @param first the record that a repair stands for
   * @param home the partition of the company now
   */
  async afterwardsOfOne(
    first: Place,
    home: number,
    badRecords: BadRecords,
    watched: Watched,
  ): Promise<InputAfterwards> {
    const { syncEvents: topic } = this.config.topics;
    const starts = await startsAfterOne(this.#logs, topic, await this.#countPartitions(topic), first, home);
    return this.#readInput(starts, badRecords, watched);
  }

  /** Warns once, because the topic may be read several times. */
  #resultOf(collector: DeadLetterCollector): ReadDeadLetters {
    const result = collector.result();
    if (result.incomplete !== null && !this.#hasWarned) this.printError(result.incomplete);
    this.#hasWarned ||= result.incomplete !== null;
    return result;
  }

  async #inputRecord(partition: number, offset: number): Promise<LogRecord | null> {
    const { syncEvents: topic } = this.config.topics;
    if (partition >= (await this.#countPartitions(topic))) return null;
    return recordAt(this.#logs, { topic, partition }, offset);
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
    badRecords: BadRecords,
    { companies, decode }: Watched,
  ): Promise<InputAfterwards> {
    const afterwards = new InputAfterwards(badRecords, companies, decode);
    await readPartitions(this.#logs, this.config.topics.syncEvents, from, (partition, records) =>
      afterwards.take(partition, records),
    );
    return afterwards;
  }
}
