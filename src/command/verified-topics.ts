/** The topics that `verify` reads: where each begins and ends, and their records. */
import type { PartsOf } from '../config-parts.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import type { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { readPartition } from '../kafka/reading/read-partition.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { newestSchema } from '../lib/schema-files.js';
import { someAtATime } from '../lib/some-at-a-time.js';
import { Stopwatch } from '../lib/stopwatch.js';
import { systemClock } from '../lib/system-clock.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import type { Announcement } from '../verify/announcement.js';
import { ClientChoices } from '../verify/client-choices.js';
import type { Policy } from '../verify/input-event.js';
import type { InputRange, LogRange, VerifyPlan, VerifyPorts, WrittenRange } from '../verify/plan.js';
import { TopicValues } from '../verify/read-announcements.js';
import { InputReader } from '../verify/read-input.js';
import type { CommandContext, LogPlace } from './command.js';
import { UsageError } from './command.js';
import { commandLogs, type LOGS_READ } from './command-logs.js';

type Part =
  | (typeof LOGS_READ)[number]
  | `topics.${'syncEvents' | 'companySynchronized' | 'deadLetter' | 'clientSettings'}`
  | 'schemaRegistry'
  | 'allDatasetsFrom'
  | 'eventNamespace';
type Context = Pick<CommandContext<Part>, 'config' | 'logger' | 'printError' | 'schemasFolder'>;

export interface Wanted {
  readonly from: LogPlace | null;
  readonly to: LogPlace | null;
  readonly partition: number | null;
  readonly companyId: string | null;
  readonly maxFindings: number;
}

/** Requests about the bounds of logs that are in flight together. */
const ASKED_AT_ONCE = 16;
const RECORDS_A_READ = 10_000;
/** A processor's transaction takes milliseconds, and at most 20 s. */
const SETTLING_TIMEOUT_MS = 60_000;
const SETTLING_PAUSE_MS = 100;
const NO_PLACE = -1;

export class VerifiedTopics {
  readonly #config: PartsOf<Part>;
  readonly #logs: KafkaLogs;

  constructor(private readonly context: Context) {
    this.#config = context.config;
    const { clientSettings } = context.config.topics;
    this.#logs = commandLogs('verify', context, { topics: { clientSettings }, reuseMemory: true });
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#logs.close();
  }

  async plan(wanted: Wanted): Promise<VerifyPlan> {
    const { topics, applicationId, eventNamespace, allDatasetsFrom } = this.#config;
    const inputPartitions = await this.#count(topics.syncEvents);
    const { partition } = wanted;
    if (partition !== null && partition >= inputPartitions)
      throw new UsageError([
        `--partition is ${partition}: expected a partition of the input, 0 to ${inputPartitions - 1}`,
      ]);
    const partitions = partition === null ? [...Array(inputPartitions).keys()] : [partition];
    // In this order: an announcement that is found always names a record that exists, and an announcement of a record that
    // was processed is always found.
    const ranges = await this.#ofEach(partitions, (one) => this.#inputRange(one, wanted));
    const announcements = await this.#written(topics.companySynchronized);
    const deadLetters = await this.#written(topics.deadLetter);
    const input = await this.#ofEach(partitions, async (one, i): Promise<InputRange> => {
      const { highWatermark } = await this.#logs.bounds({ topic: topics.syncEvents, partition: one });
      return { ...(ranges[i] as LogRange), logEnd: highWatermark };
    });
    return {
      topics: { input: topics.syncEvents, announcements: topics.companySynchronized, deadLetters: topics.deadLetter },
      input,
      announcements,
      deadLetters,
      inputPartitions,
      applicationId,
      eventNamespace,
      allDatasetsFrom,
      defaultPartition: partitionOfKey,
      companyId: wanted.companyId,
      maxFindings: wanted.maxFindings,
    };
  }

  async ports(): Promise<Pick<VerifyPorts, 'startOf' | 'records' | 'input' | 'announcements' | 'choices'>> {
    const { schemasFolder } = this.context;
    const registry = new SchemaRegistry(this.#config.schemaRegistry);
    const schemaById = (id: number) => registry.withSchema(id, { name: 'verify' }, (schema) => schema);
    const schemaOf = (subject: string) => newestSchema(schemasFolder, subject);
    return {
      startOf: async (log) => (await this.#logs.bounds(log)).start,
      records: (log, range) => this.#records(log, range),
      input: new InputReader(await schemaOf('sync-events-value'), schemaById),
      announcements: new TopicValues<Announcement>(await schemaOf('company-synchronized-value'), schemaById),
      choices: await this.#choices(new TopicValues(await schemaOf('client-settings-value'), schemaById)),
    };
  }

  async #choices(
    values: TopicValues<{ readonly clientId: string; readonly synchronizedTrigger: Policy }>,
  ): Promise<ClientChoices> {
    const choices = new ClientChoices();
    const topic = this.#config.topics.clientSettings;
    await readPartition(this.#logs, { topic, partition: 0 }, 0, async (records) => {
      for (const record of records) {
        await values.prepare(record);
        const read = record.value === null ? null : values.read(record);
        const isUnreadable = typeof read === 'string' || (read !== null && read.clientId !== record.key?.toString());
        choices.add(record.key, isUnreadable ? 'unreadable' : (read?.synchronizedTrigger ?? null), record.timestamp);
      }
    });
    return choices;
  }

  async *#records(log: TopicPartition, { from, to }: LogRange): AsyncGenerator<readonly LogRecord[], void, undefined> {
    if (from >= to) return;
    const reader = this.#logs.reader(log, from);
    try {
      for (let position = from; position < to;) {
        const { records, nextOffset } = await reader.next(RECORDS_A_READ);
        yield nextOffset <= to ? records : records.filter(({ offset }) => offset < to);
        position = nextOffset;
      }
    } finally {
      reader.close();
    }
  }

  /** What the processor has read of a partition, and what is asked for. */
  async #inputRange(partition: number, { from, to }: Wanted): Promise<LogRange> {
    const log = { topic: this.#config.topics.syncEvents, partition };
    const processed = (await this.#logs.committedOffset(log))?.offset ?? NO_PLACE;
    const { start, end } = await this.#logs.bounds(log);
    const first = Math.max(start, from === null ? start : await this.#offsetAt(log, from));
    const last = to === null ? end : await this.#offsetAt(log, to);
    return { partition, from: first, to: Math.max(first, Math.min(processed, last, end)) };
  }

  async #offsetAt(log: TopicPartition, place: LogPlace): Promise<number> {
    return 'offset' in place ? place.offset : this.#logs.offsetSince(log, place.timeMs);
  }

  async #written(topic: string): Promise<WrittenRange[]> {
    const count = await this.#count(topic);
    return this.#ofEach([...Array(count).keys()], (partition) => this.#settled({ topic, partition }));
  }

  /** All that was written to a partition until now, once every transaction in it has ended. */
  async #settled(log: TopicPartition): Promise<WrittenRange> {
    const { start, highWatermark, end: firstEnd } = await this.#logs.bounds(log);
    const waited = new Stopwatch(systemClock);
    for (let end = firstEnd; end < highWatermark; { end } = await this.#logs.bounds(log)) {
      if (waited.elapsedMs > SETTLING_TIMEOUT_MS)
        throw new Error(
          `a transaction is open in ${log.topic}/${log.partition} from offset ${end} on: see "A partition was left with an ` +
            `open transaction" in docs/operations.md, and run the command again`,
        );
      await systemClock.delay(SETTLING_PAUSE_MS);
    }
    return { partition: log.partition, from: start, to: highWatermark, isTruncated: start > 0 };
  }

  #count(topic: string): Promise<number> {
    const { config, logger } = this.context;
    return partitionsOf(kafkaConfigOf(config, logger), systemClock, topic);
  }

  /** Results in the order of the partitions. */
  async #ofEach<T>(partitions: readonly number[], ask: (partition: number, i: number) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    await someAtATime(partitions.entries(), ASKED_AT_ONCE, async ([i, partition]) => {
      results[i] = await ask(partition, i);
    });
    return results;
  }
}
