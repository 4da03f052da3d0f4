/** Compares a dead letter with the bad record that it must be a copy of. */
import { isDeepStrictEqual } from 'node:util';
import type { Header, LogRecord } from '../lib/record.js';
import { lastText } from './header-texts.js';

/** The headers that the processor adds, in this order, after those of the bad record. */
const ADDED = ['dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'] as const;
/** The most bytes of a key or value shown. */
const MAX_SHOWN_BYTES = 64;

/** The place of the input that a dead letter names; null if it names none. */
export interface NamedPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** If the record was a dead letter before, the headers added now are the last ones of each name. */
export function placeNamedBy(letter: LogRecord): NamedPlace | null {
  const topic = lastText(letter, 'dl_topic');
  const partition = wholeNumber(lastText(letter, 'dl_partition'));
  const offset = wholeNumber(lastText(letter, 'dl_offset'));
  return topic === null || partition === null || offset === null ? null : { topic, partition, offset };
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

export function codeOf(letter: LogRecord): string | null {
  return lastText(letter, 'dl_code');
}

/** The parts that are wrong; empty if the dead letter is right. */
export function faultsOf(
  letter: { readonly record: LogRecord; readonly partition: number },
  bad: LogRecord,
  code: string,
  expected: NamedPlace & { readonly letterPartition: number | null },
): string[] {
  const faults: string[] = [];
  const { record } = letter;
  if (!sameBytes(record.key, bad.key)) faults.push('key');
  if (!sameBytes(record.value, bad.value)) faults.push('value');
  if (expected.letterPartition !== null && letter.partition !== expected.letterPartition) faults.push('partition');
  if (codeOf(record) !== code) faults.push(`dl_code is ${codeOf(record)}, should be ${code}`);
  if ((lastText(record, 'dl_message') ?? '') === '') faults.push('dl_message is empty');
  if (lastText(record, 'dl_timestamp') !== String(bad.timestamp)) faults.push('dl_timestamp');
  if (!hasHeadersOf(record, bad)) faults.push('headers');
  return faults;
}

/** Whether the letter has the record's own headers, in their order, and after them the added ones. */
function hasHeadersOf({ headers }: LogRecord, bad: LogRecord): boolean {
  const own = bad.headers.length;
  if (headers.length !== own + ADDED.length) return false;
  const added = headers.slice(own).map(({ key }) => key);
  return isDeepStrictEqual(added, [...ADDED]) && bad.headers.every((header, i) => isSame(header, headers[i] as Header));
}

function isSame(a: Header, b: Header): boolean {
  return a.key === b.key && sameBytes(a.value, b.value);
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** A record for a report: lengths, the first bytes, and the headers as text. */
export function shownRecord({ key, value, headers }: LogRecord): object {
  const shown = (bytes: Buffer | null) =>
    bytes === null ? null : `${bytes.length} bytes ${bytes.toString('hex', 0, MAX_SHOWN_BYTES)}`;
  const texts = headers
    .slice(0, MAX_SHOWN_BYTES)
    .map(({ key: name, value: text }) => [name, text?.toString('utf8', 0, 200)]);
  return { key: shown(key), value: shown(value), headers: texts };
}
