/**
 * Turns an announcement into the outbound `CompanySynchronized` record: Avro in Confluent framing, CloudEvents 1.0
 * headers.
 */
import { announcementSource, type Announcement } from '../domain/announcement.js';
import { isoTime } from '../lib/iso-time.js';
import type { Header, LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { AvroReader } from '../avro/avro-reader.js';
import { frame } from '../avro/framing.js';
import { PLAIN_SHAPES } from '../avro/record-shape.js';
import type { EventWriter } from './event-types.js';
import { eventIdNamespace, eventIdOf } from './event-id.js';
import { textHeader, traceparentOf } from './record-headers.js';

export interface CompanySynchronizedOptions {
  /** EventTypes.companySynchronized */
  readonly type: EventWriter;
  /** The id under which the type's schema is registered. */
  readonly schemaId: number;
  readonly applicationId: string;
  /** EVENT_NAMESPACE */
  readonly eventNamespace: string;
}

/** The largest long that avsc can write. */
const MAX_LONG = Number.MAX_SAFE_INTEGER - 1;

/**
 * Items of the lists of an announcement that are read. A company has at most 10,000 datasets and 10,000 connections, and
 * anyone may write a record with a million of them to the outbound topic.
 */
const MAX_ANNOUNCED_ITEMS = 100_000;

/** @param schema of `CompanySynchronized` in the schemas folder. @throws SchemaError */
export function announcementReader<T>(schema: object): AvroReader<T> {
  return new AvroReader(schema, PLAIN_SHAPES, MAX_ANNOUNCED_ITEMS);
}

/**
 * Headers in the binary content mode of the CloudEvents Kafka binding. `ce_id`, `ce_source`, `ce_subject` and `ce_time`
 * are added for each record.
 */
const SPEC_VERSION = textHeader('ce_specversion', '1.0');
const EVENT_TYPE = textHeader('ce_type', 'company.synchronized.v1');
const CONTENT_TYPE = textHeader('content-type', 'application/avro');

/** Marks an announcement whose `source` comes before the `source` of earlier announcements in the topic. */
const ANNOUNCED_LATE = textHeader('announced_late', 'status word learnt by an upgrade');

export function isAnnouncedLate({ headers }: LogRecord): boolean {
  return headers.some(({ key }) => key === ANNOUNCED_LATE.key);
}

export class CompanySynchronizedRecords {
  readonly #options: CompanySynchronizedOptions;
  readonly #namespace: string;

  constructor(options: CompanySynchronizedOptions) {
    this.#options = options;
    this.#namespace = eventIdNamespace(options.eventNamespace);
  }

  /**
   * @param input the partition that `completing` was read from
   * @param completing the input record that completed the company; the announcement gets its trace header
   */
  recordOf(announcement: Announcement, input: TopicPartition, completing: LogRecord): RecordToWrite {
    const eventId = eventIdOf(announcement.companyId, this.#namespace);
    const avroValue = this.#options.type.toBuffer(valueOf(announcement, input, eventId));
    return {
      key: Buffer.from(announcement.companyId),
      value: frame(this.#options.schemaId, avroValue),
      headers: this.#headersOf(announcement, input, eventId, completing),
    };
  }

  #headersOf(
    { companyId, synchronizedAt, late }: Announcement,
    { topic, partition }: TopicPartition,
    eventId: string,
    completing: LogRecord,
  ): readonly Header[] {
    const headers = [
      SPEC_VERSION,
      textHeader('ce_id', eventId),
      EVENT_TYPE,
      textHeader('ce_source', announcementSource(this.#options.applicationId, topic, partition)),
      textHeader('ce_subject', companyId),
      textHeader('ce_time', isoTime(synchronizedAt)),
      textHeader('ce_partitionkey', companyId),
      CONTENT_TYPE,
    ];
    const traceparent = traceparentOf(completing.headers);
    if (traceparent !== null) headers.push(traceparent);
    if (late) headers.push(ANNOUNCED_LATE);
    return headers;
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
    synchronizedAt: within(announcement.synchronizedAt, -MAX_LONG, MAX_LONG),
    trigger: announcement.policy,
    connections,
    datasets,
    succeeded,
    failed,
    ended,
    source: { topic, partition, offset: announcement.offset },
  };
}

function within(n: number, min: number, max: number): number {
  return Math.min(Math.max(n, min), max);
}
