import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';
/** Reports on long work, at most every two seconds. Shorter work is not reported. */

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
