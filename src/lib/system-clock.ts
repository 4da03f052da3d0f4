import type { Clock } from './clock.js';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // Not that of node:timers/promises: it makes an error, with its stack, of each wait that is given up, as most are.
  delay: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end);
    }),
};
