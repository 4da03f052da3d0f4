/** An announcement that is sent once more: itself, and where it was first. */
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { textHeader } from './record-headers.js';

/** `<topic>/<partition>/<offset>` of the announcement itself; after its own headers. */
const RESENT_FROM = 'resent_from';

/** @param at where the record was read */
export function resentOf({ key, value, headers, offset }: LogRecord, at: TopicPartition): RecordToWrite {
  const own = headers.filter((header) => header.key !== RESENT_FROM);
  const from = `${at.topic}/${at.partition}/${offset}`;
  return { key, value, headers: [...own, textHeader(RESENT_FROM, from)] };
}

export function isResent({ headers }: LogRecord): boolean {
  return headers.some(({ key }) => key === RESENT_FROM);
}
