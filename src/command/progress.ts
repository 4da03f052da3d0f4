/** Reports on long work, at most every two seconds. Shorter work is not reported. */
import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';

const INTERVAL_MS = 2_000;

/** @returns a function to call after each piece of work; it makes the text only when it prints */
export function progressTo(print: (line: string) => void, clock: SteadyClock): (text: () => string) => void {
  let printedAt = steadyMs(clock);
  return (text) => {
    if (steadyMs(clock) - printedAt < INTERVAL_MS) return;
    printedAt = steadyMs(clock);
    print(text());
  };
}

/** Reports how much of a known amount of work is done, how fast, and how long the rest takes. */
export class Speed {
  readonly #progress: (text: () => string) => void;
  readonly #begunAt: number;

  constructor(
    print: (line: string) => void,
    private readonly clock: SteadyClock,
    private readonly total: number,
  ) {
    this.#progress = progressTo(print, clock);
    this.#begunAt = steadyMs(clock);
  }

  report(done: number, doing: string): void {
    this.#progress(() => {
      const seconds = (steadyMs(this.clock) - this.#begunAt) / 1_000;
      const rate = done / seconds;
      const percent = Math.floor((100 * done) / Math.max(1, this.total));
      const left = rate > 0 ? `, ${durationOf((this.total - done) / rate)} left` : '';
      return `${percent} %: ${doing}, ${Math.round(rate)} records/s${left}`;
    });
  }
}

function durationOf(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 90 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
