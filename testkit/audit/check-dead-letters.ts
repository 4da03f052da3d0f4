/**
 * Checks that each bad record is exactly one dead letter: byte for byte, with its own headers, and the `dl_*`
 * headers after them.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Anomaly, AnomalyKind } from './anomaly.js';
import { tellHistory } from './company-records.js';
import type { ReadEvent } from './read-events.js';
import { placeOf, type RecordHeaders, type TopicContents, type TopicRecord } from './topic-record.js';

export interface ExpectedDeadLetter {
  readonly event: ReadEvent;
  readonly code: string;
}

/**
 * @param expected by the `<partition>/<offset>` of the bad record
 * @param byPlace every record of the input
 */
export function checkDeadLetters(
  expected: ReadonlyMap<string, ExpectedDeadLetter>,
  byPlace: ReadonlyMap<string, ReadEvent>,
  deadLetters: TopicContents,
  input: { readonly topic: string; readonly partitions: number },
): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const seen = new Map<string, TopicRecord>();
  for (const letter of deadLetters.records) {
    const place = claimedPlace(letter.headers);
    const of = expected.get(place);
    if (of === undefined) anomalies.push(unexplained(letter, place, byPlace.get(place)));
    else if (seen.has(place)) anomalies.push(anomaly('dead-letter-duplicate', of, 'it is there again', tell(letter)));
    else anomalies.push(...faultsOf(letter, of, input, deadLetters.partitions));
    seen.set(place, letter);
  }
  for (const [place, of] of expected)
    if (!seen.has(place)) anomalies.push(anomaly('dead-letter-lost', of, `no dead letter of ${place}`, null));
  return anomalies;
}

/** If the record was a dead letter before, the headers added now are the last ones of each name. */
function claimedPlace(headers: RecordHeaders): string {
  return `${lastText(headers, 'dl_partition')}/${lastText(headers, 'dl_offset')}`;
}

function lastText(headers: RecordHeaders, key: string): string {
  return headers.get(key)?.at(-1)?.toString() ?? '?';
}

function faultsOf(
  letter: TopicRecord,
  of: ExpectedDeadLetter,
  input: { readonly topic: string; readonly partitions: number },
  partitions: number,
): Anomaly[] {
  const { record } = of.event;
  const faults: string[] = [];
  if (!sameBytes(letter.key, record.key)) faults.push('key');
  if (!sameBytes(letter.value, record.value)) faults.push('value');
  if (input.partitions === partitions && letter.partition !== record.partition) faults.push('partition');
  if (lastText(letter.headers, 'dl_message') === '') faults.push('dl_message is empty');
  if (!isDeepStrictEqual(comparable(letter.headers), expectedHeaders(of, input.topic))) faults.push('headers');
  return faults.length === 0
    ? []
    : [anomaly('dead-letter-altered', of, `of ${placeOf(record)} differ: ${faults.join(', ')}`, tell(letter))];
}

/** Headers in a form that can be compared. The added `dl_message` is left out, because it is text for people. */
function comparable(headers: RecordHeaders): Map<string, readonly (string | null)[]> {
  const lists = [...headers].map(([key, values]): [string, (string | null)[]] => [key, values.map(hex)]);
  const map = new Map(lists);
  const messages = map.get('dl_message');
  if (messages !== undefined) map.set('dl_message', messages.slice(0, -1));
  return map;
}

function expectedHeaders({ event, code }: ExpectedDeadLetter, topic: string): Map<string, readonly (string | null)[]> {
  const { headers, partition, offset, timestamp } = event.record;
  const lists = [...headers].map(([key, values]): [string, (string | null)[]] => [key, values.map(hex)]);
  const map = new Map<string, readonly (string | null)[]>(lists);
  const added = {
    dl_code: code,
    dl_topic: topic,
    dl_partition: String(partition),
    dl_offset: String(offset),
    dl_timestamp: String(timestamp),
  };
  for (const [key, text] of Object.entries(added)) map.set(key, [...(map.get(key) ?? []), hex(Buffer.from(text))]);
  map.set('dl_message', map.get('dl_message') ?? []);
  return map;
}

function hex(bytes: Buffer | null): string | null {
  return bytes?.toString('hex') ?? null;
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function unexplained(letter: TopicRecord, place: string, event: ReadEvent | undefined): Anomaly {
  return {
    kind: 'dead-letter-unexplained',
    companyId: event?.companyId ?? null,
    what:
      event === undefined ? `it names ${place}, where no record is` : `it names ${place}, which is not a bad record`,
    came: tell(letter),
    shouldHaveCome: null,
    history: event === undefined ? [] : tellHistory([event]),
  };
}

function anomaly(kind: AnomalyKind, { event, code }: ExpectedDeadLetter, what: string, came: unknown): Anomaly {
  const shouldHaveCome = { ...tell(event.record), dl_code: code };
  return { kind, companyId: event.companyId, what, came, shouldHaveCome, history: tellHistory([event]) };
}

/** The most bytes of a key or value shown. */
const MAX_SHOWN_BYTES = 64;

function tell(record: TopicRecord): object {
  const shown = (bytes: Buffer | null) =>
    bytes === null ? null : `${bytes.length} bytes ${hex(bytes.subarray(0, MAX_SHOWN_BYTES))}`;
  const headers = Object.fromEntries(
    [...record.headers].map(([key, values]) => [key, values.map((v) => v?.toString())]),
  );
  return { at: placeOf(record), key: shown(record.key), value: shown(record.value), headers };
}
