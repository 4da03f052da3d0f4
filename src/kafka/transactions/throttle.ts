import { steadyMs, type SteadyClock } from '../../lib/stopwatch.js';

/** For how long after a throttling another one is expected. */
const EXPECTED_FOR_MS = 10 * 60_000;

/**
 * How long the brokers make one transactional id wait, because a quota is exceeded (KIP-219). This object outlives the
 * producers of the id: brokers also count the bytes of a discarded producer, so its successor must wait too.
 *
 * A broker throttles the connection on which the quota was exceeded. kafkajs holds back later requests on that
 * connection, and the broker reads none from it. The other connections to the broker are not affected.
 */
export class Throttle {
  readonly #byBroker = new Map<string, number>();
  #lastAt = -Infinity;

  constructor(private readonly clock: SteadyClock) {}

  /** Notes the throttle time in an answer of the broker at `address`; most answers have 0. */
  note(address: string, throttleMs: number): void {
    if (throttleMs <= 0) return;
    this.#lastAt = steadyMs(this.clock);
    this.#byBroker.set(address, this.#lastAt + throttleMs);
  }

  /** Milliseconds until no broker throttles any more. */
  get leftMs(): number {
    const now = steadyMs(this.clock);
    let left = 0;
    for (const untilMs of this.#byBroker.values()) left = Math.max(left, untilMs - now);
    return left;
  }

  /** Whether the next records may be throttled too. */
  get isExpected(): boolean {
    return steadyMs(this.clock) - this.#lastAt < EXPECTED_FOR_MS;
  }
}
