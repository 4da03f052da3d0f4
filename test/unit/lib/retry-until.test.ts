import { retryUntil, type RetryTerms } from '../../../src/lib/retry-until.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';

const PATIENCE_MS = 5_000;
const PAUSE_MS = 1_000;

/** A retry whose attempts reject with numbered errors, up to the attempt `succeedsAt`. */
class Retry {
  readonly clock = new ManualClock();
  readonly retried: unknown[] = [];
  attempts = 0;

  run(terms: Partial<RetryTerms> = {}, succeedsAt = Infinity): Promise<number | Error> {
    const { clock } = this;
    const usual = { clock, patienceMs: PATIENCE_MS, pause: { next: () => PAUSE_MS }, mayHelp: () => true };
    const onRetry = (error: unknown) => this.retried.push((error as Error).message);
    const attempt = (): Promise<number> => {
      this.attempts++;
      return this.attempts < succeedsAt
        ? Promise.reject(new Error(`attempt ${this.attempts}`))
        : Promise.resolve(this.attempts);
    };
    return retryUntil({ ...usual, onRetry, ...terms }, attempt).catch((error: unknown) => error as Error);
  }
}

test('the first success is returned, and each error before it is reported', async () => {
  const retry = new Retry();
  const result = retry.run({}, 3);
  await passTime(retry.clock, PATIENCE_MS);
  expect(await result).toBe(3);
  expect(retry.retried).toEqual(['attempt 1', 'attempt 2']);
});

test('after the time is up, the last error is thrown and not reported', async () => {
  const retry = new Retry();
  const result = retry.run();
  await passTime(retry.clock, 2 * PATIENCE_MS);
  expect(await result).toEqual(new Error('attempt 6'));
  expect(retry.retried).toHaveLength(5);
});

test('the least number of attempts is made even if the time is up', async () => {
  const retry = new Retry();
  const result = retry.run({ patienceMs: 0, leastAttempts: 4 });
  await passTime(retry.clock, 2 * PATIENCE_MS);
  expect(await result).toEqual(new Error('attempt 4'));
});

test('an error after which another attempt cannot help is thrown at once', async () => {
  const retry = new Retry();
  expect(await retry.run({ mayHelp: () => false })).toEqual(new Error('attempt 1'));
});

test('an abort ends the pause, and the attempt after it is the last', async () => {
  const retry = new Retry();
  const stopping = new AbortController();
  const result = retry.run({ signal: stopping.signal });
  await passTime(retry.clock, PAUSE_MS);
  stopping.abort();
  expect(await result).toEqual(new Error('attempt 2'));
});
