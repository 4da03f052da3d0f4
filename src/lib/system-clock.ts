import type { Clock } from './clock.js';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // Does not use node:timers/promises: its `setTimeout` creates an error with a stack for each aborted wait, and most
  // waits are aborted.
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
