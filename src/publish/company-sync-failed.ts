/**
 * Turns a failure into the outbound `CompanySyncFailed` record: Avro in Confluent framing, CloudEvents 1.0 headers.
 */
import { announcementSource } from '../domain/announcement.js';
import type { SyncFailure } from '../domain/sync-failure.js';
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { frame } from '../avro/framing.js';
import { avroTime, unionTime } from './avro-time.js';
import { cloudEventHeaders, eventType } from './cloud-event.js';
import type { EventOptions } from './company-synchronized.js';
import { eventIdNamespace, failureIdOf } from './event-id.js';

const EVENT_TYPE = eventType('company.sync.failed.v1');

export class CompanySyncFailedRecords {
  readonly #options: EventOptions;
  readonly #namespace: string;

  constructor(options: EventOptions) {
    this.#options = options;
    this.#namespace = eventIdNamespace(options.eventNamespace);
  }

  /** The event id of one report of a company. */
  idOf({ companyId, attempt }: Pick<SyncFailure, 'companyId' | 'attempt'>): string {
    return failureIdOf(companyId, attempt, this.#namespace);
  }

  /**
   * @param input the partition that `cause` was read from
   * @param cause the input record that brought the company into this state; the event gets its trace header
   */
  recordOf(failure: SyncFailure, input: TopicPartition, cause: LogRecord): RecordToWrite {
    const { applicationId, schemaId, type } = this.#options;
    const { companyId, failedAt: time } = failure;
    const eventId = this.idOf(failure);
    const source = announcementSource(applicationId, input.topic, input.partition);
    return {
      key: Buffer.from(companyId),
      value: frame(schemaId, type.toBuffer(valueOf(failure, input, eventId))),
      headers: cloudEventHeaders({ eventId, type: EVENT_TYPE, source, companyId, time }, cause),
    };
  }
}

/** The fields of schemas/company-sync-failed-value. */
function valueOf({ offset, ...failure }: SyncFailure, { topic, partition }: TopicPartition, eventId: string): object {
  return {
    ...failure,
    eventId,
    failedAt: avroTime(failure.failedAt),
    linkedAt: unionTime(failure.linkedAt),
    source: { topic, partition, offset },
  };
}
