import { getEventListeners } from 'node:events';
import type { Clock } from '../../../src/lib/clock.js';
import { LongPromise, settlesWithin } from '../../../src/lib/long-promise.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { heapInUse } from '../../../testkit/heap.js';

/** Time passes at once. */
const impatient: Clock = { now: () => 0, delay: () => Promise.resolve() };

test('a wait ends with its time, and the promise can be waited for again', async () => {
  let resolve: (value: string) => void = () => undefined;
  const long = new LongPromise(new Promise<string>((settle) => (resolve = settle)));
  expect(await long.settlesWithin(impatient, 1)).toBe(false);
  const waits = [long.settlesWithin(systemClock, 60_000), long.settlesBefore(new AbortController().signal)];
  resolve('value');
  expect(await Promise.all(waits)).toEqual([true, true]);
  expect(await long.promise).toBe('value');
  expect(await long.settlesWithin(systemClock, 60_000)).toBe(true);
});

test('a rejection settles the promise, and counts as handled', async () => {
  const error = new Error('gone');
  const long = new LongPromise(Promise.reject(error));
  expect(await long.settlesWithin(systemClock, 60_000)).toBe(true);
  await expect(long.promise).rejects.toBe(error);
  expect(await settlesWithin(Promise.reject(error), systemClock, 60_000)).toBe(true);
});

test('a wait ends when its signal aborts, or has aborted before', async () => {
  const long = new LongPromise(new Promise(() => undefined));
  const controller = new AbortController();
  const waiting = long.settlesBefore(controller.signal);
  controller.abort();
  expect(await waiting).toBe(false);
  expect(await long.settlesBefore(controller.signal)).toBe(false);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('waits that are over leave no reaction, no listener and no timer behind', async () => {
  const WAITS = 20_000;
  const long = new LongPromise(new Promise(() => undefined));
  const waitOften = async (times: number) => {
    for (let i = 0; i < times; i++) await long.settlesWithin(impatient, 1);
  };
  await waitOften(1_000);
  const before = heapInUse();
  await waitOften(WAITS);
  expect((heapInUse() - before) / WAITS).toBeLessThan(50);

  const timers = timersRunning();
  const { signal } = new AbortController();
  const settled = new LongPromise(new Promise<void>((resolve) => setImmediate(resolve)));
  const timed = Array.from({ length: 50 }, () => settled.settlesWithin(systemClock, 60_000));
  expect(new Set(await Promise.all([settled.settlesBefore(signal), ...timed]))).toEqual(new Set([true]));
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect(timersRunning() - timers).toBeLessThan(10); // The test runner has its own.
});

function timersRunning(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
