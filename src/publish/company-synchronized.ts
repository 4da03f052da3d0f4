/**
 * Turns an announcement into the outbound `CompanySynchronized` record: Avro in Confluent framing, CloudEvents 1.0
 * headers.
 */
import { announcementSource, type Announcement } from '../domain/announcement.js';
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { AvroReader } from '../avro/avro-reader.js';
import { frame } from '../avro/framing.js';
import { PLAIN_SHAPES } from '../avro/record-shape.js';
import { avroTime, unionTime } from './avro-time.js';
import { cloudEventHeaders, eventType } from './cloud-event.js';
import type { EventWriter } from './event-types.js';
import { eventIdNamespace, eventIdOf } from './event-id.js';
import { textHeader } from './record-headers.js';

/** What the records of an event type need. */
export interface EventOptions {
  /** The type of EventTypes. */
  readonly type: EventWriter;
  /** The id under which the type's schema is registered. */
  readonly schemaId: number;
  readonly applicationId: string;
  /** EVENT_NAMESPACE */
  readonly eventNamespace: string;
}

/**
 * Items of the lists of an announcement that are read. A company has at most 10,000 datasets and 10,000 connections, and
 * anyone may write a record with a million of them to the outbound topic.
 */
const MAX_ANNOUNCED_ITEMS = 100_000;

/** @param schema of `CompanySynchronized` in the schemas folder. @throws SchemaError */
export function announcementReader<T>(schema: object): AvroReader<T> {
  return new AvroReader(schema, PLAIN_SHAPES, MAX_ANNOUNCED_ITEMS);
}

const EVENT_TYPE = eventType('company.synchronized.v1');

/** Marks an announcement whose `source` comes before the `source` of earlier announcements in the topic. */
const ANNOUNCED_LATE = textHeader('announced_late', 'status word learnt by an upgrade');

export function isAnnouncedLate({ headers }: LogRecord): boolean {
  return headers.some(({ key }) => key === ANNOUNCED_LATE.key);
}

export class CompanySynchronizedRecords {
  readonly #options: EventOptions;
  readonly #namespace: string;

  constructor(options: EventOptions) {
    this.#options = options;
    this.#namespace = eventIdNamespace(options.eventNamespace);
  }

  /**
   * @param input the partition that `completing` was read from
   * @param completing the input record that completed the company; the announcement gets its trace header
   */
  recordOf(announcement: Announcement, input: TopicPartition, completing: LogRecord): RecordToWrite {
    const { companyId, synchronizedAt: time } = announcement;
    const eventId = eventIdOf(companyId, this.#namespace);
    const source = announcementSource(this.#options.applicationId, input.topic, input.partition);
    const headers = cloudEventHeaders({ eventId, type: EVENT_TYPE, source, companyId, time }, completing);
    if (announcement.late) headers.push(ANNOUNCED_LATE);
    const avroValue = this.#options.type.toBuffer(valueOf(announcement, input, eventId));
    return {
      key: Buffer.from(companyId),
      value: frame(this.#options.schemaId, avroValue),
      headers,
    };
  }
}

/** The fields of schemas/company-synchronized-value. */
function valueOf(announcement: Announcement, { topic, partition }: TopicPartition, eventId: string): object {
  const { companyId, clientId, companyName, connections, datasets, succeeded, failed, ended } = announcement;
  return {
    eventId,
    companyId,
    clientId,
    companyName,
    synchronizedAt: avroTime(announcement.synchronizedAt),
    trigger: announcement.policy,
    connections,
    datasets,
    succeeded,
    failed,
    ended,
    source: { topic, partition, offset: announcement.offset },
    linkedAt: unionTime(announcement.linkedAt),
  };
}
