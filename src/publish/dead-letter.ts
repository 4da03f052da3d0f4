/** Dead letters: turns a bad record into a record of the dead-letter topic that keeps it byte for byte, and back. */
import type { DeadLetterCode } from '../domain/events.js';
import { MAX_TEXT_BYTES } from '../domain/limits.js';
import { shortened } from '../lib/printable.js';
import type { Header, LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { textHeader } from './record-headers.js';

/** Names of the headers added to those of the record, in this order. */
const ADDED = ['dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'] as const;

export interface DeadLetterReason {
  readonly code: DeadLetterCode;
  /** What is wrong, for people. */
  readonly message: string;
}

/**
 * The dead-letter topic accepts 64 KiB more than the input topic. The added headers must fit into that, so longer
 * messages are cut.
 */
export const MAX_MESSAGE_CHARACTERS = 2_000;

/**
 * Makes a dead letter. Key, value and headers stay as they came, including repeated, binary and null headers. The
 * `dl_*` headers come last. So a reader that takes the last header of a name gets ours, even if the record was a dead
 * letter before.
 *
 * @param input the partition that the record was read from
 */
export function deadLetterOf(record: LogRecord, reason: DeadLetterReason, input: TopicPartition): RecordToWrite {
  const added: Record<(typeof ADDED)[number], string> = {
    dl_code: reason.code,
    dl_message: shortened(reason.message, MAX_MESSAGE_CHARACTERS),
    dl_topic: input.topic,
    dl_partition: String(input.partition),
    dl_offset: String(record.offset),
    dl_timestamp: String(record.timestamp),
  };
  const headers = [...record.headers, ...ADDED.map((name) => textHeader(name, added[name]))];
  return { key: record.key, value: record.value, headers };
}

export interface DeadLetter {
  /** Position of the bad record; `<partition>/<offset>` names it in a `repairs` header. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  /** When it became a dead letter; in `timestamp`, the bad record's own timestamp. Milliseconds since the epoch. */
  readonly writtenAt: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The record's own headers, without the added ones. */
  readonly headers: readonly Header[];
}

/** A partition or an offset, and a timestamp, which is -1 if it is missing. Both are safe integers. */
const PLACE = /^\d{1,15}$/;
const TIMESTAMP = /^-?\d{1,15}$/;

/** Reads a dead letter; null if the record is not one, because anyone may write to the topic. */
export function readDeadLetter(record: LogRecord): DeadLetter | null {
  const ownHeaders = record.headers.slice(0, -ADDED.length);
  const added = record.headers.slice(-ADDED.length);
  if (!ADDED.every((name, i) => added[i]?.key === name)) return null;
  const [code = '', message = '', topic = '', ...numbers] = added.map(({ value }) => value?.toString() ?? '');
  const [partition = '', offset = '', timestamp = ''] = numbers;
  if (![partition, offset].every((text) => PLACE.test(text)) || !TIMESTAMP.test(timestamp)) return null;
  return {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    code,
    message,
    writtenAt: record.timestamp,
    key: record.key,
    value: record.value,
    headers: ownHeaders,
  };
}

/** A copy with its own buffers: the buffers of a record are slices of everything fetched with it. */
export function copyOf(deadLetter: DeadLetter): DeadLetter {
  const headers = deadLetter.headers.map(({ key, value }) => ({ key, value: copied(value) }));
  return { ...deadLetter, key: copied(deadLetter.key), value: copied(deadLetter.value), headers };
}

/**
 * Leaves out value and headers: the rest is enough to list and judge a dead letter. Cuts a key that is longer than the
 * id of any company.
 */
export function withoutBytes(deadLetter: DeadLetter): DeadLetter {
  const { key } = deadLetter;
  return { ...deadLetter, key: key?.subarray(0, MAX_TEXT_BYTES) ?? null, value: null, headers: [] };
}

function copied(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

export function idOf({ partition, offset }: Pick<DeadLetter, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`;
}
