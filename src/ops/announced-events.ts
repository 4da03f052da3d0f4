/**
 * Finds the event of an announced company in the outbound topic. The state no longer has the datasets of such a
 * company.
 *
 * The events of one input partition are in the order of the input offsets that completed their companies. So a binary
 * search over the outbound offsets finds an event in a handful of reads. Events of other partitions or applications are
 * skipped, and so are events that were sent again. Events that were announced late, after an upgrade, are not in this
 * order either. The search skips them. An event that somebody else has written may mislead the search. So if it finds
 * nothing, it reads the partition one event after the other.
 */
import type { AnnouncedContent } from '../domain/explain.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { ReadersById } from '../decode/readers-by-id.js';
import type { SchemaSource } from '../decode/schema-source.js';
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import { reasonOf } from '../lib/reason-of.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import type { Logs } from '../pipeline/ports.js';
import { announcementReader, isAnnouncedLate } from '../publish/company-synchronized.js';
import { isResent } from '../publish/resent-event.js';
import type { AnnouncedSource } from './company-directory.js';

export interface AnnouncedEventsOptions {
  /** Separate from the partitions' logs, so that a search slows no partition. */
  readonly logs: Logs;
  readonly clock: Clock;
  readonly topic: string;
  /** The partition of the outbound topic that a company's event went to. */
  readonly partitionOf: (companyId: string, inputPartition: number) => number;
  /** The `ce_source` of events from an input partition. */
  readonly sourceOf: (inputPartition: number) => string;
  /** The schema of `CompanySynchronized` in the schemas folder. */
  readonly schema: object;
  readonly schemas: SchemaSource;
}

const READ_RECORDS = 1_000;
/** A search takes tens of milliseconds. If the brokers do not answer, the caller waits no longer than this. */
const SEARCH_TIMEOUT_MS = 5_000;
/** Searches at a time: requests for explanations must not slow the partitions. */
const MAX_SEARCHES = 4;

interface AnnouncedEvent extends AnnouncedContent {
  readonly companyId: string;
  readonly source: { readonly offset: number };
}

/** An event and its record. */
interface FoundEvent {
  readonly event: AnnouncedEvent;
  readonly record: LogRecord;
  readonly log: TopicPartition;
}

export class AnnouncedEvents {
  readonly #options: AnnouncedEventsOptions;
  readonly #readers: ReadersById<AnnouncedEvent>;
  #searches = 0;

  constructor(options: AnnouncedEventsOptions) {
    this.#options = options;
    this.#readers = new ReadersById(options.schemas, announcementReader(options.schema), { name: 'announced events' });
  }

  /** Returns the content of the announcement. If it is not available, returns the reason as text. Never rejects. */
  async find(source: AnnouncedSource): Promise<AnnouncedContent | string> {
    const { topic, clock } = this.#options;
    const event = `its event in ${topic} has its datasets, but`;
    if (this.#searches >= MAX_SEARCHES) return `${event} ${MAX_SEARCHES} other searches run now: ask again`;
    const enough = new AbortController();
    this.#searches++;
    try {
      const found = this.search(source, enough.signal);
      if (!(await settlesWithin(found, clock, SEARCH_TIMEOUT_MS))) return `${event} could not be read within 5 s`;
      return (await found)?.event ?? `${event} it was not found: the retention of the topic has probably deleted it`;
    } catch (error) {
      return `${event} cannot be read: ${reasonOf(error)}`;
    } finally {
      this.#searches--;
      enough.abort();
    }
  }

  /**
   * Searches until the event is found, however long it takes. Null if retention has deleted the event, or `signal`
   * aborted.
   * @throws BrokerError, RegistryUnavailableError
   */
  async search(wanted: AnnouncedSource, signal: AbortSignal): Promise<FoundEvent | null> {
    const { logs, topic, partitionOf } = this.#options;
    const partition = { topic, partition: partitionOf(wanted.companyId, wanted.partition) };
    let { start, end } = await logs.bounds(partition);
    while (start < end && !signal.aborted) {
      const middle = end - start <= READ_RECORDS ? start : Math.floor((start + end) / 2);
      const stretch = await this.#firstEvents(partition, middle, end, wanted, signal);
      if (stretch === null) end = middle;
      else if (stretch.found !== null) return stretch.found;
      else if (stretch.first > wanted.offset) end = middle;
      else start = stretch.next;
    }
    return this.#readAll(partition, wanted, signal);
  }

  /**
   * Reads the whole partition for an event that is not in the order. Returns null at once if the log begins after the
   * wanted event: then retention has nearly always deleted it.
   */
  async #readAll(partition: TopicPartition, wanted: AnnouncedSource, signal: AbortSignal): Promise<FoundEvent | null> {
    const { start, end } = await this.#options.logs.bounds(partition);
    const oldest = await this.#firstEvents(partition, start, end, wanted, signal);
    if (oldest !== null && oldest.first > wanted.offset) return null;
    const reader = this.#options.logs.reader(partition, start);
    const search = async (): Promise<FoundEvent | null> => {
      for (let position = start; position < end && !signal.aborted;) {
        const batch = await reader.next(READ_RECORDS);
        const ours = batch.records.filter((record) => this.#isFrom(wanted.partition, record));
        const found = await this.#eventOf(wanted, ours);
        if (found !== null) return { ...found, log: partition };
        position = batch.nextOffset;
      }
      return null;
    };
    return withReader(reader, search, signal);
  }

  /**
   * Reads from `from` until one read returns events of the wanted order, and returns the events of that read. Returns
   * null if there are none up to `end`.
   */
  async #firstEvents(
    partition: TopicPartition,
    from: number,
    end: number,
    wanted: AnnouncedSource,
    signal: AbortSignal,
  ): Promise<{ first: number; next: number; found: FoundEvent | null } | null> {
    const reader = this.#options.logs.reader(partition, from);
    const read = async () => {
      for (let position = from; position < end;) {
        const batch = await reader.next(READ_RECORDS);
        const ours = batch.records.filter((record) => record.offset < end && this.#isOf(wanted.partition, record));
        const first = await this.#firstReadable(ours);
        if (first !== null) {
          const found = await this.#eventOf(wanted, ours);
          return { first: first.source.offset, next: batch.nextOffset, found: found && { ...found, log: partition } };
        }
        position = batch.nextOffset;
      }
      return null;
    };
    return withReader(reader, read, signal);
  }

  /** Whether the event is in the order of the offsets. */
  #isOf(inputPartition: number, record: LogRecord): boolean {
    return !isAnnouncedLate(record) && this.#isFrom(inputPartition, record);
  }

  #isFrom(inputPartition: number, record: LogRecord): boolean {
    if (isResent(record)) return false;
    const source = record.headers.find(({ key }) => key === 'ce_source')?.value;
    return source?.toString() === this.#options.sourceOf(inputPartition);
  }

  async #firstReadable(records: readonly LogRecord[]): Promise<AnnouncedEvent | null> {
    for (const record of records) {
      const event = await this.#decode(record);
      if (event !== null) return event;
    }
    return null;
  }

  async #eventOf(
    { companyId, offset }: AnnouncedSource,
    records: readonly LogRecord[],
  ): Promise<Omit<FoundEvent, 'log'> | null> {
    const key = Buffer.from(companyId);
    for (const record of records) {
      if (record.key?.equals(key) !== true) continue;
      const event = await this.#decode(record);
      if (event?.source.offset === offset) return { event, record };
    }
    return null;
  }

  /** Returns null if the record is not an event of this topic's schema: anyone may write to the topic. */
  async #decode({ value }: LogRecord): Promise<AnnouncedEvent | null> {
    if (value === null || framingFault(value) !== null) return null;
    const reader = await this.#readers.of(schemaIdOf(value));
    if (reader === null) return null;
    try {
      return reader.read(value);
    } catch {
      return null;
    }
  }
}
