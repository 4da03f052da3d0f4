/** A record of the dead-letter topic -> what it keeps, and why it is there. */
import type { Header, LogRecord } from '../lib/record.js';

export interface DeadLetter {
  /** Of the poison record in the input topic; `<partition>/<offset>` names it in a `repairs` header. */
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  /** When it became a dead letter, and the stamp of the poison record: milliseconds since the epoch. */
  readonly writtenAt: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Its own, without those that were added. */
  readonly headers: readonly Header[];
}

/** Appended by `deadLetterOf`, in this order. */
const ADDED = ['dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'] as const;

/** Null for a record that is no dead letter: anyone may write to the topic. */
export function readDeadLetter(record: LogRecord): DeadLetter | null {
  const own = record.headers.slice(0, -ADDED.length);
  const added = record.headers.slice(-ADDED.length);
  if (!ADDED.every((name, i) => added[i]?.key === name)) return null;
  const [code = '', message = '', , partition, offset, timestamp] = added.map(({ value }) => value?.toString() ?? '');
  return {
    ...{ partition: Number(partition), offset: Number(offset), timestamp: Number(timestamp) },
    ...{ code, message, writtenAt: record.timestamp, key: record.key, value: record.value, headers: own },
  };
}

export function idOf({ partition, offset }: Pick<DeadLetter, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`;
}
