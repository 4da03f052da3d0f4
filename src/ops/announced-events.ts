/**
 * Finds the event of an announced company, whose datasets the state no longer has, in the outbound topic.
 *
 * The events that one input partition led to are in the order of the input offsets that completed their companies, so
 * that a binary search over the outbound offsets finds one in a handful of reads. Events of other partitions or
 * applications between them are passed over, and so are those that were sent again. Events that were announced late, after
 * an upgrade, are not in this order: they are passed over too, and looked for one by one if nothing else was found.
 */
import { AvroReader } from '../avro/avro-reader.js';
import type { AnnouncedContent } from '../domain/explain.js';
import { framingFault, schemaIdOf } from '../avro/framing.js';
import { ReadersById } from '../decode/readers-by-id.js';
import type { SchemaSource } from '../decode/schema-source.js';
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { isAnnouncedLate } from '../publish/company-synchronized.js';
import { isResent } from '../publish/resent-event.js';
import type { AnnouncedSource } from './company-directory.js';

export interface AnnouncedEventsOptions {
  /** Of its own, so that a search slows no partition. */
  readonly logs: Logs;
  readonly clock: Clock;
  readonly topic: string;
  /** The partition of the outbound topic that a company's event went to. */
  readonly partitionOf: (companyId: string, inputPartition: number) => number;
  /** The `ce_source` of what an input partition led to. */
  readonly sourceOf: (inputPartition: number) => string;
  /** Of `CompanySynchronized`, as the schemas folder has it. */
  readonly schema: object;
  readonly schemas: SchemaSource;
}

const READ_RECORDS = 1_000;
/** A search takes tens of milliseconds. The caller does not wait for brokers that are away. */
const PATIENCE_MS = 5_000;
/** Searches at a time: those who look must not slow those who work. */
const MAX_SEARCHES = 4;

interface AnnouncedEvent extends AnnouncedContent {
  readonly companyId: string;
  readonly source: { readonly offset: number };
}

/** An event, and the record that it is. */
interface FoundEvent {
  readonly event: AnnouncedEvent;
  readonly record: LogRecord;
  readonly at: TopicPartition;
}

export class AnnouncedEvents {
  readonly #options: AnnouncedEventsOptions;
  readonly #readers: ReadersById<AnnouncedEvent>;
  #searches = 0;

  constructor(options: AnnouncedEventsOptions) {
    this.#options = options;
    this.#readers = new ReadersById(options.schemas, new AvroReader(options.schema));
  }

  /** What the announcement says; in words why it is not available, if it is not. Never rejects. */
  async find(source: AnnouncedSource): Promise<AnnouncedContent | string> {
    const { topic, clock } = this.#options;
    const without = `its datasets are in its event in ${topic}, which`;
    if (this.#searches >= MAX_SEARCHES) return `${without} is not read while ${MAX_SEARCHES} others are looked for`;
    const enough = new AbortController();
    this.#searches++;
    try {
      const found = this.search(source, enough.signal);
      if (!(await settlesWithin(found, clock, PATIENCE_MS))) return `${without} could not be read within 5 s`;
      return (await found)?.event ?? `${without} is not retained any more`;
    } catch (error) {
      return `${without} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      this.#searches--;
      enough.abort();
    }
  }

  /**
   * The event, however long it takes; null where it is not retained any more, or `signal` aborted.
   * @throws BrokerError, RegistryUnavailableError
   */
  async search(wanted: AnnouncedSource, signal: AbortSignal): Promise<FoundEvent | null> {
    const { logs, topic, partitionOf } = this.#options;
    const at = { topic, partition: partitionOf(wanted.companyId, wanted.partition) };
    let { start, end } = await logs.bounds(at);
    while (start < end && !signal.aborted) {
      const middle = end - start <= READ_RECORDS ? start : Math.floor((start + end) / 2);
      const stretch = await this.#firstEvents(at, middle, end, wanted, signal);
      if (stretch === null) end = middle;
      else if (stretch.found !== null) return stretch.found;
      else if (stretch.first > wanted.offset) end = middle;
      else start = stretch.next;
    }
    return this.#searchLate(at, wanted, signal);
  }

  /**
   * The event among those announced late, by reading the whole partition. Null at once if the log begins after the
   * wanted event: then retention has nearly always deleted it.
   */
  async #searchLate(at: TopicPartition, wanted: AnnouncedSource, signal: AbortSignal): Promise<FoundEvent | null> {
    const { start, end } = await this.#options.logs.bounds(at);
    const oldest = await this.#firstEvents(at, start, end, wanted, signal);
    if (oldest !== null && oldest.first > wanted.offset) return null;
    const reader = this.#options.logs.reader(at, start);
    const close = () => reader.close();
    signal.addEventListener('abort', close);
    try {
      for (let position = start; position < end && !signal.aborted;) {
        const batch = await reader.next(READ_RECORDS);
        const found = await this.#eventOf(wanted, batch.records.filter(isAnnouncedLate));
        if (found !== null) return { ...found, at };
        position = batch.nextOffset;
      }
      return null;
    } finally {
      signal.removeEventListener('abort', close);
      reader.close();
    }
  }

  /** The first events that the wanted one is in order with, from one read at `from` or after; null where none is. */
  async #firstEvents(
    at: TopicPartition,
    from: number,
    end: number,
    wanted: AnnouncedSource,
    signal: AbortSignal,
  ): Promise<{ first: number; next: number; found: FoundEvent | null } | null> {
    const reader = this.#options.logs.reader(at, from);
    const close = () => reader.close();
    signal.addEventListener('abort', close);
    try {
      for (let position = from; position < end;) {
        const batch = await reader.next(READ_RECORDS);
        const ours = batch.records.filter((record) => record.offset < end && this.#isOf(wanted.partition, record));
        const first = await this.#firstReadable(ours);
        if (first !== null) {
          const found = await this.#eventOf(wanted, ours);
          return { first: first.source.offset, next: batch.nextOffset, found: found && { ...found, at } };
        }
        position = batch.nextOffset;
      }
      return null;
    } finally {
      signal.removeEventListener('abort', close);
      reader.close();
    }
  }

  #isOf(inputPartition: number, record: LogRecord): boolean {
    if (isResent(record) || isAnnouncedLate(record)) return false;
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
  ): Promise<Omit<FoundEvent, 'at'> | null> {
    const key = Buffer.from(companyId);
    for (const record of records) {
      if (record.key?.equals(key) !== true) continue;
      const event = await this.#decode(record);
      if (event?.source.offset === offset) return { event, record };
    }
    return null;
  }

  /** Null for a record that is not an event of this topic's schema: anyone may write there. */
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
