/**
 * What is kept of a record while the other records of its company are read. Anyone may write to the topics, and a record
 * may have 32 MiB or a million headers. All texts and bytes are copies: a slice would keep the whole record.
 */
import { cutText } from '../lib/cut-text.js';
import type { Header, LogRecord } from '../lib/record.js';
import type { Row } from './rows.js';

/** An announcement has at most 11 headers. One with more differs from the right one also without the others. */
const MAX_HEADERS = 100;
/** The most bytes kept of a key or header. None that is right has more. */
const MAX_PART_BYTES = 2_000;

/**
 * An announcement without its value, which was read. Its envelope can still be compared.
 *
 * @param ignored a header that is not compared
 */
export function keptAnnouncement(row: Row, ignored: string): Row {
  const { offset, timestamp, key, headers } = row.record;
  const kept: Header[] = [];
  for (const header of headers) {
    if (header.key === ignored) continue;
    if (kept.push(keptHeader(header)) >= MAX_HEADERS) break;
  }
  return { ...row, record: { offset, timestamp, key: keptBytes(key), value: null, headers: kept } };
}

/** A record of the input that may be the one that completes its company: its place, its time and its last trace. */
export function keptEvidence({ offset, timestamp, headers }: LogRecord): LogRecord {
  const trace = headers.findLast(({ key }) => key === 'traceparent');
  return { offset, timestamp, key: null, value: null, headers: trace === undefined ? [] : [keptHeader(trace)] };
}

function keptHeader({ key, value }: Header): Header {
  return { key: cutText(key, MAX_PART_BYTES), value: keptBytes(value) };
}

function keptBytes(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.subarray(0, MAX_PART_BYTES));
}
