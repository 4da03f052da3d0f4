import type { Clock } from './clock.js';

/**
 * The time since its creation. The clock of the machine may be set back meanwhile, and the monotonic clock may stand
 * still while the machine is suspended. So the longer of the two times counts.
 */
export class Stopwatch {
  readonly #now: number;
  readonly #monotonicMs: number;

  constructor(private readonly clock: Clock) {
    this.#now = clock.now();
    this.#monotonicMs = monotonicMs(clock);
  }

  get elapsedMs(): number {
    return Math.max(this.clock.now() - this.#now, monotonicMs(this.clock) - this.#monotonicMs);
  }
}

/** Milliseconds of a clock that nobody sets: two of its times show how long the machine ran between them. */
export function monotonicMs(clock: Clock): number {
  return clock.monotonicMs?.() ?? clock.now();
}
