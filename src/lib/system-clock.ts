import { setTimeout as timeout } from 'node:timers/promises';
import type { Clock } from './clock.js';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  delay: (ms, signal) => timeout(ms, undefined, signal === undefined ? {} : { signal }).catch(ifAborted),
};

function ifAborted(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
}
