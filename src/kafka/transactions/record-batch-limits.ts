import { steadyMs, type SteadyClock } from '../../lib/stopwatch.js';

/**
 * How long a lowered limit applies before a larger batch is tried. Each refusal costs a take-over, so attempts are
 * rare.
 */
const RETRY_AFTER_MS = 10 * 60_000;
const RETRY_FACTOR = 2;

interface Lowered {
  readonly bytes: number;
  /** When the limit was last lowered or raised; milliseconds since the epoch. */
  readonly since: number;
}

/**
 * Knows how many bytes one record batch may have, by topic.
 *
 * A topic may accept less than the usual limit, because max.message.bytes or segment.bytes is set low. A broker that
 * refuses a batch of several records has stored none of them. The limit is then halved for the next producers, until a
 * batch fits or has one record. A record above the limit is compressed. If it does not fit even then, the record is too
 * large.
 *
 * An operator may raise the topic's setting later. So the limit is doubled every 10 minutes, up to the usual limit. If
 * the topic still does not accept more, the next refusal halves it again: that costs at most one take-over in 10
 * minutes.
 */
export class RecordBatchLimits {
  readonly #lowered = new Map<string, Lowered>();

  constructor(
    /** Below the broker's default max.message.bytes of 1 MiB. */
    readonly usualBytes: number,
    private readonly clock: SteadyClock,
  ) {}

  of(topic: string): number {
    const lowered = this.#lowered.get(topic);
    if (lowered === undefined) return this.usualBytes;
    if (steadyMs(this.clock) - lowered.since < RETRY_AFTER_MS) return lowered.bytes;
    this.#set(topic, lowered.bytes * RETRY_FACTOR);
    return this.of(topic);
  }

  /** Lowers the limit, because a broker has refused a batch of `refusedBytes` that was not compressed. */
  lower(topic: string, refusedBytes: number): void {
    const bytes = this.#lowered.get(topic)?.bytes ?? this.usualBytes;
    this.#set(topic, Math.min(bytes, Math.floor(refusedBytes / 2)));
  }

  #set(topic: string, bytes: number): void {
    if (bytes >= this.usualBytes) this.#lowered.delete(topic);
    else this.#lowered.set(topic, { bytes, since: steadyMs(this.clock) });
  }
}
