/** A poison record -> the dead-letter record that keeps it, byte for byte. */
import type { PoisonCode } from '../domain/events.js';
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import { textHeader } from './text-header.js';

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
  return {
    key: record.key,
    value: record.value,
    headers: [
      ...record.headers,
      textHeader('dl_code', reason.code),
      textHeader('dl_message', cut(reason.message)),
      textHeader('dl_topic', input.topic),
      textHeader('dl_partition', String(input.partition)),
      textHeader('dl_offset', String(record.offset)),
      textHeader('dl_timestamp', String(record.timestamp)),
    ],
  };
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE_CHARACTERS ? message : `${message.slice(0, MAX_MESSAGE_CHARACTERS - 1)}…`;
}
