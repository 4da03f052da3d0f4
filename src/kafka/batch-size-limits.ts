/**
 * How many bytes one record batch may have, by topic.
 *
 * A topic may take less than the usual cut (max.message.bytes or segment.bytes set low). A broker that refuses a batch
 * of several records has refused none of the records yet, so the cut is halved for the producers to come, until a
 * batch fits or is one record: only then it is the record that is too large.
 */
export class BatchSizeLimits {
  readonly #lowered = new Map<string, number>();

  constructor(
    /** Below the broker's default max.message.bytes of 1 MiB. */
    readonly usualBytes: number,
  ) {}

  of(topic: string): number {
    return this.#lowered.get(topic) ?? this.usualBytes;
  }

  /** A batch of several records and this size was refused. */
  lower(topic: string, refusedBytes: number): void {
    this.#lowered.set(topic, Math.min(this.of(topic), Math.floor(refusedBytes / 2)));
  }
}
