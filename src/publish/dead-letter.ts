/** Dead letters: a bad record -> the record of the dead-letter topic that keeps it, byte for byte, and back. */
import type { PoisonCode } from '../domain/events.js';
import type { Header, LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { textHeader } from './record-headers.js';

/** Names of the headers that are added to those of the record, in this order. */
const ADDED = ['dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'] as const;

export interface DeadLetterReason {
  readonly code: PoisonCode;
  /** What is wrong, for people. */
  readonly message: string;
}

/**
 * The dead-letter topic takes 64 KiB more than the input topic; the headers added here must fit in, so that longer
 * messages are cut.
 */
export const MAX_MESSAGE_CHARACTERS = 2_000;

/**
 * Key, value and own headers as they came, repeated, binary and null ones included; `dl_*` after them, so that a
 * reader who takes the last of a name gets ours even for a record that was a dead letter before.
 *
 * @param input the partition that the record was read from
 */
export function deadLetterOf(record: LogRecord, reason: DeadLetterReason, input: TopicPartition): RecordToWrite {
  const added: Record<(typeof ADDED)[number], string> = {
    dl_code: reason.code,
    dl_message: cut(reason.message),
    dl_topic: input.topic,
    dl_partition: String(input.partition),
    dl_offset: String(record.offset),
    dl_timestamp: String(record.timestamp),
  };
  const headers = [...record.headers, ...ADDED.map((name) => textHeader(name, added[name]))];
  return { key: record.key, value: record.value, headers };
}

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

function cut(message: string): string {
  return message.length <= MAX_MESSAGE_CHARACTERS ? message : `${message.slice(0, MAX_MESSAGE_CHARACTERS - 1)}…`;
}
