/** Time that passes when a test says so. */
import { setImmediate } from 'node:timers/promises';
import type { Clock, EndSignal } from '../../src/lib/clock.js';

const STEP_MS = 1_000;

interface Delay {
  readonly until: number;
  readonly end: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  readonly #delays = new Set<Delay>();

  now(): number {
    return this.#now;
  }

  delay(ms: number, signal?: EndSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#delays.delete(delay);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const delay: Delay = { until: this.#now + ms, end };
      if (signal?.aborted === true) return resolve();
      this.#delays.add(delay);
      signal?.addEventListener('abort', end);
    });
  }

  /** Lets `ms` pass. Code that waits for that time continues in the next turns of the event loop. */
  advance(ms: number): void {
    this.#now += ms;
    for (const { until, end } of [...this.#delays]) if (until <= this.#now) end();
  }
}

/** Lets `ms` pass in steps of a second. The event loop runs in between, so code that waited can continue. */
export async function passTime(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    clock.advance(Math.min(STEP_MS, ms - passed));
    for (let turn = 0; turn < 3; turn++) await setImmediate();
  }
}
