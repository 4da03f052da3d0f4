/** A record of the dead-letter topic -> what it keeps, and why it is there. */
import type { Header, LogRecord } from '../lib/record.js';

export interface DeadLetter {
  /** Of the poison record; `<partition>/<offset>` names it in a `repairs` header. */
  readonly topic: string;
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

/** Null for a record that is not a dead letter: anyone may write to the topic. */
export function readDeadLetter(record: LogRecord): DeadLetter | null {
  const own = record.headers.slice(0, -ADDED.length);
  const added = record.headers.slice(-ADDED.length);
  if (!ADDED.every((name, i) => added[i]?.key === name)) return null;
  const [code = '', message = '', topic = '', ...numbers] = added.map(({ value }) => value?.toString() ?? '');
  const [partition = NaN, offset = NaN, timestamp = NaN] = numbers.map(Number);
  if (![partition, offset, timestamp].every(Number.isSafeInteger)) return null;
  return {
    ...{ topic, partition, offset, timestamp, code, message, writtenAt: record.timestamp },
    ...{ key: record.key, value: record.value, headers: own },
  };
}

/** With buffers of its own: those of a record that was read are slices of all that came with it. */
export function copyOf(letter: DeadLetter): DeadLetter {
  const headers = letter.headers.map(({ key, value }) => ({ key, value: copied(value) }));
  return { ...letter, key: copied(letter.key), value: copied(letter.value), headers };
}

/** What is left to list and to judge it by. */
export function withoutBytes(letter: DeadLetter): DeadLetter {
  return { ...letter, value: null, headers: [] };
}

/** Bytes of the record, without those that were added. */
export function sizeOf({ key, value, headers }: DeadLetter): number {
  const ofHeaders = headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0), 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders;
}

function copied(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

export function idOf({ partition, offset }: Pick<DeadLetter, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`;
}
