/** Clocks whose time passes without a word from the test. */
import type { Clock } from '../../src/lib/clock.js';

/** Time passes only by waiting, and each wait is over in the next turn of the event loop. */
export class SteppedClock implements Clock {
  /** All waits so far. */
  readonly delaysMs: number[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  delay(ms: number): Promise<void> {
    this.delaysMs.push(ms);
    this.#now += ms;
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** A wait is over once nobody has answered before it. */
export const unansweredClock: Clock = {
  now: () => 0,
  delay: (_ms, signal) =>
    new Promise((over) => {
      const timer = setImmediate(over);
      signal?.addEventListener('abort', () => clearImmediate(timer));
    }),
};
