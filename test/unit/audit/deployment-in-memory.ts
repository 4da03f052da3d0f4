/** The topics of a small deployment, written by hand, so a test can make exactly one thing wrong. */
import avro from 'avsc';
import {
  eventIdOf,
  failureIdOf,
  type ReferenceAnnouncement,
  type ReferenceFailure,
} from '../../../testkit/reference-model.js';
import type { AuditInput } from '../../../testkit/audit/audit-topics.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import type { TopicContents, TopicRecord } from '../../../testkit/audit/topic-record.js';

export const PARTITIONS = 3;
export const APPLICATION_ID = 'company-sync';
export const ALL_DATASETS_FROM = Date.parse('2023-10-10T00:00:00Z');
export const AFTER = ALL_DATASETS_FROM + 1_000;
export const BEFORE = ALL_DATASETS_FROM - 1_000;

const SCHEMAS = {
  syncEvent: newestSchema('schemas', 'sync-events-value'),
  companySynchronized: newestSchema('schemas', 'company-synchronized-value'),
  companySyncFailed: newestSchema('schemas', 'company-sync-failed-value'),
  clientSettings: newestSchema('schemas', 'client-settings-value'),
};
const TYPES = {
  syncEvent: avro.Type.forSchema(SCHEMAS.syncEvent as avro.Schema),
  companySynchronized: avro.Type.forSchema(SCHEMAS.companySynchronized as avro.Schema),
  companySyncFailed: avro.Type.forSchema(SCHEMAS.companySyncFailed as avro.Schema),
  clientSettings: avro.Type.forSchema(SCHEMAS.clientSettings as avro.Schema),
};
const SCHEMA_IDS = { syncEvent: 1, companySynchronized: 2, clientSettings: 3, companySyncFailed: 4 };

export type Headers = Readonly<Record<string, string | null | readonly (string | null)[]>>;

function headerMap(headers: Headers): Map<string, (Buffer | null)[]> {
  const lists = Object.entries(headers).map(([key, value]): [string, (Buffer | null)[]] => {
    const values: readonly (string | null)[] = typeof value === 'object' && value !== null ? value : [value];
    return [key, values.map((one) => (one === null ? null : Buffer.from(one)))];
  });
  return new Map(lists);
}

function framed(kind: keyof typeof SCHEMA_IDS, value: object): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(SCHEMA_IDS[kind], 1);
  return Buffer.concat([frame, TYPES[kind].toBuffer(value)]);
}

/** The parts of a record besides its value. */
export interface Extras {
  readonly partition?: number;
  readonly timestamp?: number;
  readonly headers?: Headers;
  readonly clientId?: string;
}

export class DeploymentInMemory {
  readonly events: TopicRecord[] = [];
  readonly synchronized: TopicRecord[] = [];
  readonly failed: TopicRecord[] = [];
  readonly deadLetters: TopicRecord[] = [];
  readonly settings: TopicRecord[] = [];
  settingsInPlaceBefore = Number.MAX_SAFE_INTEGER;

  /** Writes an input record and returns it. */
  raw(key: Buffer | null, value: Buffer | null, extras: Extras = {}): TopicRecord {
    const { partition = 1, timestamp = AFTER, headers = {} } = extras;
    const offset = this.events.filter((record) => record.partition === partition).length;
    const record = { partition, offset, timestamp, key, value, headers: headerMap(headers) };
    this.events.push(record);
    return record;
  }

  event(companyId: string, payload: object, extras: Extras = {}): TopicRecord {
    const { clientId = 'client-1' } = extras;
    const value = framed('syncEvent', { eventId: 'e', companyId, clientId, occurredAt: 0, payload });
    return this.raw(Buffer.from(companyId), value, extras);
  }

  manifest(companyId: string, datasetIds: readonly string[], extras: Extras = {}): TopicRecord {
    const datasets = datasetIds.map((datasetId) => ({ datasetId, dataType: 'invoices' }));
    const manifest = { linkId: 'l', connectionId: 'c', sourceType: 's', companyName: 'Name', datasets, isFinal: true };
    return this.event(companyId, { 'companysync.LinkSyncQueued': manifest }, extras);
  }

  status(companyId: string, datasetId: string, status: string, extras: Extras = {}): TopicRecord {
    const changed = { datasetId, connectionId: 'c', dataType: 'invoices', status, trigger: 'LINK' };
    const payload = { 'companysync.DatasetStatusChanged': { ...changed, revision: null, errorMessage: null } };
    return this.event(companyId, payload, extras);
  }

  setting(clientId: string, synchronizedTrigger: 'FIRST_DATASET' | 'ALL_DATASETS' | null): void {
    const value = synchronizedTrigger === null ? null : framed('clientSettings', { clientId, synchronizedTrigger });
    const offset = this.settings.length;
    const key = Buffer.from(clientId);
    this.settings.push({ partition: 0, offset, timestamp: AFTER, key, value, headers: new Map() });
  }

  /** Writes the correct announcement of a company with one link whose datasets all became Complete, with `changes`. */
  announce(companyId: string, completing: TopicRecord, changes: AnnouncementChanges = {}): void {
    const { partition, offset, timestamp } = completing;
    const eventId = eventIdOf(companyId, APPLICATION_ID);
    const content = {
      eventId,
      companyId,
      clientId: 'client-1',
      companyName: 'Name',
      synchronizedAt: timestamp,
      trigger: 'ALL_DATASETS',
      connections: [{ connectionId: 'c', sourceType: 's' }],
      datasets: [complete('d1', offset)],
      succeeded: 1,
      failed: 0,
      ended: 0,
      source: { topic: 'sync-events', partition, offset },
      linkedAt: this.#linkedAt(companyId),
      ...changes.content,
    };
    const headers = {
      ce_specversion: '1.0',
      ce_id: eventId,
      ce_type: 'company.synchronized.v1',
      ce_source: `/${APPLICATION_ID}/sync-events/${partition}`,
      ce_subject: companyId,
      ce_time: new Date(timestamp).toISOString(),
      ce_partitionkey: companyId,
      'content-type': 'application/avro',
      ...changes.headers,
    };
    this.synchronized.push({
      partition: changes.partition ?? partition,
      offset: this.synchronized.length,
      timestamp: AFTER,
      key: Buffer.from(changes.key ?? companyId),
      value: framed('companySynchronized', content),
      headers: headerMap(headers),
    });
  }

  /**
   * Writes the correct `CompanySyncFailed` of a company with one link whose only dataset ended with FetchError, with
   * `changes`.
   */
  fail(companyId: string, cause: TopicRecord, attempt: number, changes: FailureChanges = {}): void {
    const { partition, offset, timestamp } = cause;
    const eventId = failureIdOf(companyId, attempt, APPLICATION_ID);
    const content = {
      eventId,
      companyId,
      clientId: 'client-1',
      companyName: 'Name',
      failedAt: timestamp,
      attempt,
      connections: [{ connectionId: 'c', sourceType: 's' }],
      datasets: [{ ...complete('d1', offset), status: 'FetchError' }],
      failed: 1,
      ended: 0,
      source: { topic: 'sync-events', partition, offset },
      linkedAt: this.#linkedAt(companyId),
      ...changes,
    };
    const headers = {
      ce_specversion: '1.0',
      ce_id: eventId,
      ce_type: 'company.sync.failed.v1',
      ce_source: `/${APPLICATION_ID}/sync-events/${partition}`,
      ce_subject: companyId,
      ce_time: new Date(timestamp).toISOString(),
      ce_partitionkey: companyId,
      'content-type': 'application/avro',
    };
    this.failed.push({
      partition,
      offset: this.failed.length,
      timestamp: AFTER,
      key: Buffer.from(companyId),
      value: framed('companySyncFailed', content),
      headers: headerMap(headers),
    });
  }

  /** The timestamp of the company's first record, which is its manifest. */
  #linkedAt(companyId: string): number | null {
    return this.events.find(({ key }) => key?.toString() === companyId)?.timestamp ?? null;
  }

  /** Writes the correct dead letter of a record, with `changes`. */
  deadLetter(of: TopicRecord, code: string, changes: DeadLetterChanges = {}): void {
    const added = headerMap({
      dl_code: code,
      dl_message: 'what is wrong',
      dl_topic: 'sync-events',
      dl_partition: String(of.partition),
      dl_offset: String(of.offset),
      dl_timestamp: String(of.timestamp),
      ...changes.headers,
    });
    const headers = new Map(changes.ownHeaders === undefined ? of.headers : headerMap(changes.ownHeaders));
    for (const [key, values] of added) headers.set(key, [...(headers.get(key) ?? []), ...values]);
    const { key, value, partition } = { ...of, ...changes.record };
    this.deadLetters.push({ partition, offset: this.deadLetters.length, timestamp: AFTER, key, value, headers });
  }

  input(): AuditInput {
    const contents = (topic: string, records: readonly TopicRecord[]): TopicContents => ({
      topic,
      partitions: PARTITIONS,
      records,
    });
    return {
      events: contents('sync-events', this.events),
      synchronized: contents('company-synchronized', this.synchronized),
      failed: contents('company-sync-failed', this.failed),
      deadLetters: contents('sync-events-dead-letter', this.deadLetters),
      settings: { ...contents('client-settings', this.settings), partitions: 1 },
      registered: new Map([
        [SCHEMA_IDS.syncEvent, SCHEMAS.syncEvent],
        [SCHEMA_IDS.companySynchronized, SCHEMAS.companySynchronized],
        [SCHEMA_IDS.clientSettings, SCHEMAS.clientSettings],
        [SCHEMA_IDS.companySyncFailed, SCHEMAS.companySyncFailed],
      ]),
      schemas: SCHEMAS,
      applicationId: APPLICATION_ID,
      eventNamespace: APPLICATION_ID,
      allDatasetsFrom: ALL_DATASETS_FROM,
      settingsInPlaceBefore: this.settingsInPlaceBefore,
    };
  }
}

type FailureChanges = Partial<Omit<ReferenceFailure, 'companyId'>>;

export interface AnnouncementChanges {
  readonly content?: Partial<ReferenceAnnouncement>;
  readonly headers?: Headers;
  readonly partition?: number;
  readonly key?: string;
}

export interface DeadLetterChanges {
  readonly record?: Partial<TopicRecord>;
  readonly headers?: Headers;
  readonly ownHeaders?: Headers;
}

export function complete(datasetId: string, decidedAtOffset: number): ReferenceAnnouncement['datasets'][number] {
  return { datasetId, dataType: 'invoices', connectionId: 'c', status: 'Complete', decidedAtOffset };
}
