import type { Clock } from './clock.js';

/**
 * The time since its creation. The clock of the machine may be set back meanwhile, and the monotonic clock may stand
 * still while the machine is suspended. So the longer of the two times counts.
 */
export class Stopwatch {
  readonly #now: number;
  readonly #monotonicMs: number;

  constructor(private readonly clock: SteadyClock) {
    this.#now = clock.now();
    this.#monotonicMs = steadyMs(clock);
  }

  get elapsedMs(): number {
    const wallMs = this.clock.now();
    return Math.max(wallMs - this.#now, steadyMs(this.clock) - this.#monotonicMs);
  }
}

export type SteadyClock = Pick<Clock, 'now' | 'monotonicMs'>;

/**
 * Milliseconds of a clock that nobody sets, for waits and deadlines. Only differences have a meaning. `Clock.now` is for
 * times that are shown, stored or compared with stored times: an operator may set it.
 */
export function steadyMs(clock: SteadyClock): number {
  return clock.monotonicMs?.() ?? clock.now();
}
