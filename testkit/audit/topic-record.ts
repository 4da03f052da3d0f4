/** Records as the audit uses them: plain data, complete, in the order of the log. */

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
  /** The records of each partition are in the order of their offsets. */
  readonly records: readonly TopicRecord[];
}

/** `<partition>/<offset>`: the name of a record in holds, repairs and evidence. */
export function placeOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}/${offset}`;
}

/** The texts of a header's values; null for a value that is null. */
export function headerTexts(headers: RecordHeaders, key: string): readonly (string | null)[] {
  return (headers.get(key) ?? []).map((value) => value?.toString() ?? null);
}
