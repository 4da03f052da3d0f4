import { RecordBatchLimits } from '../../../../src/kafka/transactions/record-batch-limits.js';

const USUAL = 900_000;
const MINUTE_MS = 60_000;
let now: number;
let limits: RecordBatchLimits;
beforeEach(() => {
  now = 1_000_000;
  limits = new RecordBatchLimits(USUAL, { now: () => now });
});

/** The results of batches of the allowed size, one a minute, on a topic that accepts `fits` bytes. */
function refusalsInAnHour(fits: number): number {
  let refusals = 0;
  for (let minute = 0; minute < 60; minute++, now += MINUTE_MS) {
    for (let bytes = limits.of('topic'); bytes > fits; bytes = limits.of('topic')) {
      refusals++;
      limits.lower('topic', bytes);
    }
  }
  return refusals;
}

test('a refusal halves the limit of that topic only', () => {
  limits.lower('topic', USUAL);
  expect([limits.of('topic'), limits.of('other')]).toEqual([USUAL / 2, USUAL]);
  limits.lower('topic', 100_001);
  expect(limits.of('topic')).toBe(50_000);
});

test('a refusal of a batch that was encoded before another refusal does not raise the limit', () => {
  limits.lower('topic', 100_000);
  limits.lower('topic', USUAL);
  expect(limits.of('topic')).toBe(50_000);
});

test('a lowered limit grows back to the usual one, by one step in ten minutes', () => {
  limits.lower('topic', 300_000);
  now += 10 * MINUTE_MS - 1;
  expect(limits.of('topic')).toBe(150_000);
  now += 1;
  expect(limits.of('topic')).toBe(300_000);
  now += 10 * MINUTE_MS;
  expect(limits.of('topic')).toBe(600_000);
  now += 10 * MINUTE_MS;
  expect(limits.of('topic')).toBe(USUAL);
});

test('a topic that stays low refuses no more often than once in ten minutes', () => {
  const untilOneFits = 5;
  expect(refusalsInAnHour(50_000)).toBeLessThanOrEqual(untilOneFits + 6);
  expect(refusalsInAnHour(50_000)).toBeLessThanOrEqual(6);
});
