import { End, type Clock } from './clock.js';

/**
 * A promise that may stay pending for days while many waits, one after another, listen to it. A pending promise keeps
 * every reaction. So `then` and `Promise.race` leak memory with each wait that ends before the promise settles. This
 * class adds one reaction when it is created. A finished wait leaves nothing behind: no reaction, no listener on its
 * signal, no timer.
 */
export class LongPromise<T> {
  #settled = false;
  readonly #waits = new Set<() => void>();

  /** @param promise its rejection counts as handled from now on; read `promise` after it has settled */
  constructor(readonly promise: Promise<T>) {
    const settle = (): void => {
      this.#settled = true;
      for (const end of [...this.#waits]) end();
    };
    promise.then(settle, settle);
  }

  /** Waits until the promise settles or `signal` aborts. Returns whether the promise has settled. Never rejects. */
  settlesBefore(signal: AbortSignal): Promise<boolean> {
    if (this.#settled || signal.aborted) return Promise.resolve(this.#settled);
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waits.delete(end);
        signal.removeEventListener('abort', end);
        resolve(this.#settled);
      };
      this.#waits.add(end);
      signal.addEventListener('abort', end);
    });
  }

  /** Waits for at most `ms`. Returns whether the promise has settled. Never rejects. */
  settlesWithin(clock: Clock, ms: number): Promise<boolean> {
    if (this.#settled) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = new End();
      const end = (): void => {
        this.#waits.delete(end);
        timer.abort();
        resolve(this.#settled);
      };
      this.#waits.add(end);
      void clock.delay(ms, timer).then(end);
    });
  }
}

/** Waits for at most `ms`. Returns whether `promise` has settled; a rejection counts as handled. Never rejects. */
export function settlesWithin(promise: Promise<unknown>, clock: Clock, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = new End();
    const end = (): void => {
      timer.abort();
      resolve(true);
    };
    promise.then(end, end);
    void clock.delay(ms, timer).then(() => resolve(false));
  });
}
