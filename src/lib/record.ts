/** Records of a Kafka log as plain data, and their places. */

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/**
 * A record that was read from a log. Its Buffers are slices of the fetched memory: copy what you keep longer than the
 * batch.
 */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since the epoch, as stored in the log. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/** A record to be written; its Kafka timestamp is the time of writing. */
export interface RecordToWrite {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export const NO_HEADERS: readonly Header[] = Object.freeze([]);

/** Bytes of key, value and headers. A character of a header's key counts as one byte. */
export function recordBytes({ key, value, headers }: RecordToWrite): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}
