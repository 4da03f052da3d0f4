/**
 * Checks that each company that the rules announce has exactly one announcement, at the right record, with the right
 * content.
 */
import { isDeepStrictEqual } from 'node:util';
import { Partitioners } from 'kafkajs';
import type { ReferenceAnnouncement, Verdict } from '../reference-model.js';
import type { Anomaly, AnomalyKind } from './anomaly.js';
import type { ArrivedAnnouncement } from './announcements.js';
import { tellHistory, type CompanyRecords } from './company-records.js';
import { headerTexts, placeOf, type RecordHeaders, type TopicRecord } from './topic-record.js';

/** What the key, the partition and the headers of an event follow from. */
export interface ExpectedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly companyId: string;
  readonly time: number;
  readonly source: ReferenceAnnouncement['source'];
}

export interface Envelope {
  readonly applicationId: string;
  /** Partition counts of the input and of the announcements. */
  readonly inputPartitions: number;
  readonly outputPartitions: number;
  /** Whether releases have run that store no `linkedAt`. */
  readonly olderReleasesRan: boolean;
}

/** Older releases leave `linkedAt` out of what they write, and of the state of the companies that they have linked. */
export function linkedAtAsRead<T extends { readonly linkedAt: number | null }>(
  expected: T,
  { linkedAt }: { readonly linkedAt: number | null },
  { olderReleasesRan }: Envelope,
): T {
  return olderReleasesRan && linkedAt === null ? { ...expected, linkedAt } : expected;
}

/** Checks one company. `company` is undefined if the input has no record of it. */
export function checkAnnouncements(
  companyId: string,
  company: CompanyRecords | undefined,
  verdict: Verdict | undefined,
  arrived: readonly ArrivedAnnouncement[],
  envelope: Envelope,
): Anomaly[] {
  const expected = verdict?.announcement ?? null;
  const anomaly = (kind: AnomalyKind, what: string, came: unknown, shouldHaveCome: unknown = expected): Anomaly => ({
    kind,
    companyId,
    what,
    came,
    shouldHaveCome,
    history: tellHistory(company?.records ?? []),
  });
  const [first] = arrived;
  if (first === undefined)
    return expected === null ? [] : [anomaly('missing', 'it is complete and was not announced', null)];

  const anomalies: Anomaly[] = [];
  if (arrived.length > 1) {
    const places = arrived.map(({ record }) => placeOf(record));
    anomalies.push(anomaly('duplicate', `it was announced ${arrived.length} times`, places, places.slice(0, 1)));
  }
  const { content } = first;
  if (expected === null) {
    anomalies.push(anomaly('early', 'it was announced and is not complete', content));
    return anomalies;
  }
  if (content.source.offset !== expected.source.offset) {
    const kind = content.source.offset < expected.source.offset ? 'early' : 'late';
    const what = `announced by offset ${content.source.offset}, completed by offset ${expected.source.offset}`;
    anomalies.push(anomaly(kind, what, content));
    return anomalies;
  }
  const wrong = differingFields(content, linkedAtAsRead(expected, content, envelope));
  if (wrong.length > 0)
    anomalies.push(anomaly('wrong-content', `wrong: ${wrong.join(', ')}`, pick(content, wrong), pick(expected, wrong)));

  const completing = company?.records.find(({ record }) => record.offset === expected.source.offset)?.record;
  const fault = announcementEnvelopeFault(first.record, expected, completing, envelope);
  if (fault !== null) anomalies.push(anomaly('wrong-envelope', fault.what, fault.came, fault.shouldHaveCome));
  return anomalies;
}

export function differingFields<T extends object>(came: T, expected: T): string[] {
  const fields = new Set([...Object.keys(came), ...Object.keys(expected)]) as Set<keyof T & string>;
  return [...fields].filter((field) => !isDeepStrictEqual(came[field], expected[field]));
}

export function pick(announcement: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(announcement).filter(([field]) => fields.includes(field)));
}

export interface EnvelopeFault {
  readonly what: string;
  readonly came: unknown;
  readonly shouldHaveCome: unknown;
}

function announcementEnvelopeFault(
  record: TopicRecord,
  expected: ReferenceAnnouncement,
  completing: TopicRecord | undefined,
  envelope: Envelope,
): EnvelopeFault | null {
  const late = record.headers.get(LATE_HEADER);
  const isLate = late !== undefined && expected.datasets.some(({ status }) => LATER_WORDS.includes(status));
  const event = { ...expected, type: 'company.synchronized.v1', time: expected.synchronizedAt };
  if (!isLate) return envelopeFault(record, event, completing, envelope);
  const headers = new Map(record.headers);
  headers.delete(LATE_HEADER);
  return envelopeFault({ ...record, headers }, event, undefined, envelope);
}

/** @param cause the input record that the event follows from; undefined if its trace is not carried on */
export function envelopeFault(
  record: TopicRecord,
  expected: ExpectedEvent,
  cause: TopicRecord | undefined,
  envelope: Envelope,
): EnvelopeFault | null {
  const { companyId, source } = expected;
  const key = record.key?.toString() ?? null;
  if (key !== companyId) return { what: 'the key is not the companyId', came: key, shouldHaveCome: companyId };

  const partition = partitionFor(companyId, source.partition, envelope);
  if (record.partition !== partition)
    return { what: 'it is in the wrong partition', came: record.partition, shouldHaveCome: partition };

  const came = textsOf(record.headers);
  const shouldHaveCome = expectedHeaders(expected, cause, envelope.applicationId);
  return isDeepStrictEqual(came, shouldHaveCome) ? null : { what: 'the headers are wrong', came, shouldHaveCome };
}

const defaultPartitioner = Partitioners.DefaultPartitioner();

function partitionFor(key: string, inputPartition: number, { inputPartitions, outputPartitions }: Envelope): number {
  if (inputPartitions === outputPartitions) return inputPartition;
  const partitionMetadata = Array.from({ length: outputPartitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  return defaultPartitioner({ topic: '', partitionMetadata, message: { key, value: null } });
}

/**
 * The announcement of a company that an older release could not judge has this header and no trace, because its
 * completing record is not read again.
 */
const LATE_HEADER = 'announced_late';
const LATER_WORDS: readonly string[] = ['Routing', 'RoutingError'];

/** W3C trace context of a version that exists today. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function expectedHeaders(
  { eventId, type, companyId, time, source }: ExpectedEvent,
  cause: TopicRecord | undefined,
  applicationId: string,
): Record<string, readonly string[]> {
  const headers: Record<string, readonly string[]> = {
    ce_specversion: ['1.0'],
    ce_id: [eventId],
    ce_type: [type],
    ce_source: [`/${applicationId}/${source.topic}/${source.partition}`],
    ce_subject: [companyId],
    ce_time: [new Date(time).toISOString()],
    ce_partitionkey: [companyId],
    'content-type': ['application/avro'],
  };
  const traceparent = headerTexts(cause?.headers ?? new Map(), 'traceparent').at(-1);
  if (traceparent != null && TRACEPARENT.test(traceparent)) headers['traceparent'] = [traceparent];
  return headers;
}

function textsOf(headers: RecordHeaders): Record<string, readonly (string | null)[]> {
  const texts = [...headers.keys()].map((key) => [key, headerTexts(headers, key)] as const);
  return Object.fromEntries(texts);
}
