import type { Clock } from '../../lib/clock.js';

/** How long a lowered limit stays before a larger batch is tried. Each refusal costs a take-over, so it is tried rarely. */
const RETRY_AFTER_MS = 10 * 60_000;
const RETRY_FACTOR = 2;

interface Lowered {
  readonly bytes: number;
  /** When the limit was last lowered or raised; milliseconds since the epoch. */
  readonly since: number;
}

/**
 * How many bytes one record batch may have, by topic.
 *
 * A topic may take less than the usual cut (max.message.bytes or segment.bytes set low). A broker that refuses a batch
 * of several records has stored none of them, so the limit is halved for the next producers, until a batch fits or has
 * one record. A record above the limit is compressed. Only if it does not fit then is the record too large.
 *
 * The setting of the topic may be raised later. So every 10 minutes the limit is doubled, up to the usual cut. If the
 * topic still takes no more, the next refusal halves it again: one take-over in 10 minutes at most.
 */
export class BatchSizeLimits {
  readonly #lowered = new Map<string, Lowered>();

  constructor(
    /** Below the broker's default max.message.bytes of 1 MiB. */
    readonly usualBytes: number,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  of(topic: string): number {
    const lowered = this.#lowered.get(topic);
    if (lowered === undefined) return this.usualBytes;
    if (this.clock.now() - lowered.since < RETRY_AFTER_MS) return lowered.bytes;
    this.#set(topic, lowered.bytes * RETRY_FACTOR);
    return this.of(topic);
  }

  /** A batch of this size, which was not compressed, was refused. */
  lower(topic: string, refusedBytes: number): void {
    const bytes = this.#lowered.get(topic)?.bytes ?? this.usualBytes;
    this.#set(topic, Math.min(bytes, Math.floor(refusedBytes / 2)));
  }

  #set(topic: string, bytes: number): void {
    if (bytes >= this.usualBytes) this.#lowered.delete(topic);
    else this.#lowered.set(topic, { bytes, since: this.clock.now() });
  }
}
