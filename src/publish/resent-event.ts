/** An announcement sent again: the same record, plus a header with its first position. */
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { textHeader } from './record-headers.js';

/** `<topic>/<partition>/<offset>` of the original announcement; comes after its own headers. */
const RESENT_FROM = 'resent_from';

/** @param source the partition that the record was read from */
export function resentOf({ key, value, headers, offset }: LogRecord, source: TopicPartition): RecordToWrite {
  const otherHeaders = headers.filter((header) => header.key !== RESENT_FROM);
  const from = `${source.topic}/${source.partition}/${offset}`;
  return { key, value, headers: [...otherHeaders, textHeader(RESENT_FROM, from)] };
}

export function isResent({ headers }: LogRecord): boolean {
  return headers.some(({ key }) => key === RESENT_FROM);
}
