/** Records as the audit sees them: plain data, whole, in the order of the log. */

/** Values of each header key in their order; Kafka allows repetitions and null. */
export type RecordHeaders = ReadonlyMap<string, readonly (Buffer | null)[]>;

export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** All committed records of one topic. */
export interface TopicContents {
  readonly topic: string;
  readonly partitions: number;
  /** Within a partition in the order of offsets. */
  readonly records: readonly TopicRecord[];
}

/** `<partition>/<offset>`: how holds, repairs and evidence name a record. */
export function placeOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}/${offset}`;
}

/** The texts of a header's values, null where a value is null. */
export function headerTexts(headers: RecordHeaders, key: string): readonly (string | null)[] {
  return (headers.get(key) ?? []).map((value) => value?.toString() ?? null);
}
