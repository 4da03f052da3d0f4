import type { Clock } from '../../lib/clock.js';

/** For how long after a throttling another one is expected. */
const EXPECTED_FOR_MS = 10 * 60_000;

interface Throttled {
  readonly untilMs: number;
  readonly throttleMs: number;
}

/**
 * How long the brokers make one transactional id wait, because a quota is exceeded (KIP-219). This object outlives the
 * producers of the id: brokers also count the bytes of a discarded producer, so its successor must wait too.
 *
 * A broker throttles the connection on which the quota was exceeded. kafkajs holds back later requests on that
 * connection, and the broker reads none from it. The other connections to the broker are not affected.
 */
export class Throttle {
  readonly #byBroker = new Map<string, Throttled>();
  #lastAt = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Notes the throttle time in an answer of the broker at `address`; most answers have 0. */
  note(address: string, throttleMs: number): void {
    if (throttleMs <= 0) return;
    this.#lastAt = this.clock.now();
    this.#byBroker.set(address, { untilMs: this.#lastAt + throttleMs, throttleMs });
  }

  /**
   * Milliseconds until no broker throttles any more. At most the longest throttle time, even if the clock is set back.
   */
  get leftMs(): number {
    const now = this.clock.now();
    let left = 0;
    for (const { untilMs, throttleMs } of this.#byBroker.values())
      left = Math.max(left, Math.min(untilMs - now, throttleMs));
    return left;
  }

  /** Whether the next records may be throttled too. */
  get isExpected(): boolean {
    return this.clock.now() - this.#lastAt < EXPECTED_FOR_MS;
  }
}
