/** Reports on long work, at most every two seconds. Shorter work is not reported. */
import type { Clock } from '../lib/clock.js';

const INTERVAL_MS = 2_000;

/** @returns a function to call after each piece of work; it makes the text only when it prints */
export function progressTo(print: (line: string) => void, clock: Pick<Clock, 'now'>): (text: () => string) => void {
  let printedAt = clock.now();
  return (text) => {
    if (clock.now() - printedAt < INTERVAL_MS) return;
    printedAt = clock.now();
    print(text());
  };
}
