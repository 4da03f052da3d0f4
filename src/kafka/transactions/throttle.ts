import type { Clock } from '../../lib/clock.js';

/** How long after the last throttling the next one is expected. */
const EXPECTED_FOR_MS = 10 * 60_000;

interface Throttled {
  readonly untilMs: number;
  readonly toldMs: number;
}

/**
 * How long the brokers have told one transactional id to wait, because a quota is exceeded (KIP-219). It outlives the
 * producers of the id: the brokers count what a discarded producer has sent too, so a new one must wait as well.
 *
 * A broker throttles the connection that the quota was exceeded on. kafkajs holds back later requests on it, and the
 * broker reads none. The other connections to that broker go on.
 */
export class Throttle {
  readonly #byBroker = new Map<string, Throttled>();
  #lastAt = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** @param toldMs the throttle time of an answer, 0 in most of them */
  note(address: string, toldMs: number): void {
    if (toldMs <= 0) return;
    this.#lastAt = this.clock.now();
    this.#byBroker.set(address, { untilMs: this.#lastAt + toldMs, toldMs });
  }

  /** Milliseconds until no broker throttles any more. If the clock is set back, at most the longest throttle time. */
  get leftMs(): number {
    const now = this.clock.now();
    let left = 0;
    for (const { untilMs, toldMs } of this.#byBroker.values()) left = Math.max(left, Math.min(untilMs - now, toldMs));
    return left;
  }

  /** Whether the next records may be throttled too. */
  get isExpected(): boolean {
    return this.clock.now() - this.#lastAt < EXPECTED_FOR_MS;
  }
}
