import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/lib/clock.js';

/** Real time, for tests and benches on a real broker. */
export const systemClock: Clock = {
  now: () => Date.now(),
  delay: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
};
