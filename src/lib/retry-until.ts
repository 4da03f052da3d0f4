/** Repeats an attempt that failed, until one succeeds or the time is up. */
import type { Clock } from './clock.js';
import { Stopwatch } from './stopwatch.js';

export interface RetryTerms {
  readonly clock: Clock;
  /** How long to try. If an attempt is in progress when this time ends, it may still succeed. */
  readonly patienceMs: number;
  /** How long to wait before the next attempt, in milliseconds: a `Backoff`, for example. */
  readonly pause: { next(): number };
  /** Whether another attempt may help after this error. */
  readonly mayHelp: (error: unknown) => boolean;
  /** Called with each error after which another attempt follows. */
  readonly onRetry?: (error: unknown) => void;
  /** This many attempts are made even if the time is up earlier. One by default. */
  readonly leastAttempts?: number;
  /** An abort ends the pause. The attempt after it is the last. */
  readonly signal?: AbortSignal;
}

/**
 * Returns the result of the first attempt that succeeds.
 * @throws the error of the last attempt, if its time is up, `signal` has aborted, or another attempt cannot help
 */
export async function retryUntil<T>(terms: RetryTerms, attempt: () => Promise<T>): Promise<T> {
  const { clock, patienceMs, pause, mayHelp, onRetry, leastAttempts = 1, signal } = terms;
  const tried = new Stopwatch(clock);
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const isOver = attempts >= leastAttempts && tried.elapsedMs > patienceMs;
      if (isOver || signal?.aborted === true || !mayHelp(error)) throw error;
      onRetry?.(error);
      await clock.delay(pause.next(), signal);
    }
  }
}
