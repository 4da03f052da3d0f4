import { getEventListeners } from 'node:events';
import { systemClock } from '../../../src/lib/system-clock.js';

test('a delay takes its time', async () => {
  const startedAt = performance.now();
  await systemClock.delay(30);
  expect(performance.now() - startedAt).toBeGreaterThan(28);
});

test('a delay ends when its signal aborts, and leaves nothing behind', async () => {
  const controller = new AbortController();
  const delay = systemClock.delay(60_000, controller.signal);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  controller.abort();
  await delay;
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('a delay with a signal that has aborted ends at once', async () => {
  await systemClock.delay(60_000, AbortSignal.abort());
});

test('a delay that ends by itself leaves no listener', async () => {
  const { signal } = new AbortController();
  await systemClock.delay(1, signal);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
