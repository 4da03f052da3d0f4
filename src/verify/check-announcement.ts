/** Compares an announcement with the announcement that the input requires. */
import { isDeepStrictEqual } from 'node:util';
import { cutText } from '../lib/cut-text.js';
import { isoTime } from '../lib/iso-time.js';
import type { LogRecord } from '../lib/record.js';
import type { Announcement, AnnouncedDataset } from './announcement.js';
import { headerTexts, textsByName } from './header-texts.js';
import { isLater } from './statuses.js';

export interface Envelope {
  readonly applicationId: string;
  /** Partition counts of the input and of the announcements. */
  readonly inputPartitions: number;
  readonly outputPartitions: number;
  /** The partition that Kafka's default partitioner chooses. */
  readonly defaultPartition: (key: Buffer, partitions: number) => number;
}

export interface Difference {
  readonly what: string;
  readonly came: unknown;
  readonly shouldHaveCome: unknown;
}

/** The most datasets or connections of each side that a difference shows. */
const MAX_SHOWN = 5;

/**
 * What differs in the content; null if nothing does. Of the lists, only the entries that differ are shown. `linkedAt` may be
 * null: an older release does not know it.
 */
export function contentDifference(came: Announcement, required: Announcement): Difference | null {
  const expected = came.linkedAt === null ? { ...required, linkedAt: null } : required;
  const fields = new Set([...Object.keys(came), ...Object.keys(expected)]) as Set<keyof Announcement>;
  const wrong = [...fields].filter((field) => !isDeepStrictEqual(came[field], expected[field]));
  if (wrong.length === 0) return null;
  const shown = (one: Announcement, other: Announcement) =>
    Object.fromEntries(wrong.map((field) => [field, shownOf(one[field], other[field])]));
  return { what: `wrong: ${wrong.join(', ')}`, came: shown(came, expected), shouldHaveCome: shown(expected, came) };
}

function shownOf(value: unknown, other: unknown): unknown {
  if (!Array.isArray(value) || !Array.isArray(other) || value.length <= MAX_SHOWN) return value;
  const others = new Set((other as unknown[]).map((entry) => JSON.stringify(entry)));
  const differing = (value as unknown[]).filter((entry) => !others.has(JSON.stringify(entry)));
  const more = differing.length - MAX_SHOWN;
  return more > 0 ? [...differing.slice(0, MAX_SHOWN), `and ${more} more`] : differing;
}

/**
 * What is wrong about key, partition and headers; null if nothing is.
 *
 * @param completing the input record that completes the company; its trace is carried on
 */
export function envelopeDifference(
  announced: { readonly record: LogRecord; readonly partition: number },
  expected: Announcement,
  completing: LogRecord,
  envelope: Envelope,
): Difference | null {
  const { record } = announced;
  const { companyId, source } = expected;
  const key = record.key?.toString() ?? null;
  if (key !== companyId) return { what: 'the key is not the companyId', came: key, shouldHaveCome: companyId };
  const partition = partitionFor(companyId, source.partition, envelope);
  if (announced.partition !== partition)
    return { what: 'it is in the wrong partition', came: announced.partition, shouldHaveCome: partition };
  const came = textsByName(record.headers);
  delete came[RESENT_HEADER];
  const isLate = LATE_HEADER in came && expected.datasets.some(({ status }) => isLater(status));
  const shouldHaveCome = expectedHeaders(expected, isLate ? [] : headerTexts(completing, 'traceparent'), envelope);
  if (isLate) shouldHaveCome[LATE_HEADER] = came[LATE_HEADER] ?? [];
  return isDeepStrictEqual(came, shouldHaveCome) ? null : { what: 'the headers are wrong', came, shouldHaveCome };
}

/** An operator has sent the event again. */
export const RESENT_HEADER = 'resent_from';
/** The announcement of a company that an earlier release could not judge. It has no trace. */
export const LATE_HEADER = 'announced_late';

function partitionFor(key: string, inputPartition: number, envelope: Envelope): number {
  const { inputPartitions, outputPartitions, defaultPartition } = envelope;
  return inputPartitions === outputPartitions ? inputPartition : defaultPartition(Buffer.from(key), outputPartitions);
}

/** W3C trace context: version 00 ends with its flags, a later version may go on. */
const TRACE_IDS = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
const TRACEPARENT = new RegExp(`^(00-${TRACE_IDS}|(?!00|ff)[0-9a-f]{2}-${TRACE_IDS}(-[!-~]*)?)$`);
const MAX_TRACEPARENT_BYTES = 512;

function expectedHeaders(
  { eventId, companyId, synchronizedAt, source }: Announcement,
  traces: readonly (string | null)[],
  { applicationId }: Envelope,
): Record<string, readonly (string | null)[]> {
  const headers: Record<string, readonly (string | null)[]> = {
    ce_specversion: ['1.0'],
    ce_id: [eventId],
    ce_type: ['company.synchronized.v1'],
    ce_source: [sourceOf(applicationId, source.topic, source.partition)],
    ce_subject: [companyId],
    ce_time: [isoTime(synchronizedAt)],
    ce_partitionkey: [companyId],
    'content-type': ['application/avro'],
  };
  const trace = traces.at(-1);
  if (trace != null && trace.length <= MAX_TRACEPARENT_BYTES && TRACEPARENT.test(trace))
    headers['traceparent'] = [trace];
  return headers;
}

function sourceOf(applicationId: string, topic: string, partition: number): string {
  return `/${applicationId}/${topic}/${partition}`;
}

/** The most characters of an id or a status in a sentence. No company has longer ones, but an announcement may. */
const MAX_ID_CHARACTERS = 1_024;

/** A dataset in a few words. */
export function inWords({ datasetId, status, decidedAtOffset }: AnnouncedDataset): string {
  return `${cutText(datasetId, MAX_ID_CHARACTERS)} ${cutText(status, MAX_ID_CHARACTERS)} (offset ${decidedAtOffset})`;
}
