import { BatchLimits, USUAL_BATCH, type BatchSize } from '../../../src/pipeline/batch-limits.js';

const MINUTE_MS = 60_000;
let now: number;
let limits: BatchLimits;
beforeEach(() => {
  now = 1_000_000;
  limits = new BatchLimits({ now: () => now });
});

const full = (): BatchSize => ({ records: limits.records, rows: limits.rows });

function grown(): BatchLimits {
  for (let batch = 0; batch < 10; batch++) limits.committed(full(), 5);
  expect(full()).toEqual(USUAL_BATCH);
  return limits;
}

/** Commits full batches; `tookMs` of one record. @returns how many failed, above the transaction timeout */
function failuresOf(batches: number, msPerRecord: number): number {
  const TIMEOUT_MS = 20_000;
  let failures = 0;
  for (let batch = 0; batch < batches; batch++) {
    const tookMs = limits.records * msPerRecord;
    now += tookMs;
    if (tookMs <= TIMEOUT_MS) limits.committed(full(), tookMs);
    else {
      failures++;
      limits.failed(full(), tookMs);
    }
  }
  return failures;
}

test('a partition begins with small batches, and has the usual size after a few fast ones', () => {
  const sizes = [];
  for (; limits.records < USUAL_BATCH.records; limits.committed(full(), 5)) sizes.push(limits.records);
  expect(sizes).toEqual([625, 1250, 2500, 5000]);
  expect(full()).toEqual(USUAL_BATCH);
  expect(limits.reduction).toBeNull();
});

test('batches that are not full do not raise the limits', () => {
  for (let batch = 0; batch < 100; batch++) limits.committed({ records: 3, rows: 6 }, 5);
  expect(limits.records).toBe(625);
});

test('each failure halves records and rows, down to one record', () => {
  grown().failed(full(), 10);
  expect(full()).toEqual({ records: 5_000, rows: 25_000 });
  for (let failure = 0; failure < 20; failure++) limits.failed(full(), 10);
  expect(full()).toEqual({ records: 1, rows: 1 });
  expect(limits.reduction).toEqual({ cause: 'failed', tookMs: 10 });
});

test("a slow failure counts the batch's own records: a batch of three is followed by a batch of one", () => {
  grown().failed({ records: 3, rows: 30_000 }, 21_000);
  expect(limits.records).toBe(1);
  expect(limits.rows).toBeLessThan(15_000);
});

test('a failure after an hour, as of a frozen process, reduces the limits by a factor of 16 at most', () => {
  grown().failed(full(), 60 * MINUTE_MS);
  expect(limits.records).toBe(USUAL_BATCH.records / 16);
});

test('a slow commit reduces the limits in proportion to its excess, and never below 100 records', () => {
  grown().committed(full(), 16_000);
  expect(full()).toEqual({ records: 2_500, rows: 12_500 });
  expect(limits.reduction).toEqual({ cause: 'slow', tookMs: 16_000 });
  limits.committed(full(), 3_600_000);
  expect(full()).toEqual({ records: 100, rows: 500 });
});

test('fast commits bring the usual size back, and then no limit is reported', () => {
  grown().failed(full(), 10);
  for (let batch = 0; batch < 8; batch++) {
    expect(limits.records).toBe(5_000);
    limits.committed(full(), 5);
  }
  expect(full()).toEqual(USUAL_BATCH);
  expect(limits.reduction).toBeNull();
});

test.each([
  ['10 ms', 10],
  ['1 s', 1_000],
  ['15 s', 15_000],
])('records that take %s each fail a few times at most', (_, msPerRecord) => {
  expect(failuresOf(100, msPerRecord)).toBeLessThanOrEqual(4);
  expect(failuresOf(1_000, msPerRecord)).toBe(0);
});

test('a size that fails although half of it is fast is tried ever more rarely', () => {
  /** For example, if a second request waits behind the first. */
  const takes = () => (limits.records > 400 ? 21_000 : 200);
  const failures = { first: 0, last: 0 };
  for (let batch = 0; batch < 2_000; batch++) {
    const fails = takes() > 20_000;
    if (fails) failures[batch < 1_000 ? 'first' : 'last']++;
    if (fails) limits.failed(full(), takes());
    else limits.committed(full(), takes());
  }
  expect(failures.last).toBeLessThanOrEqual(failures.first);
  expect(failures.last).toBeLessThanOrEqual(3);
});

test('trouble of ten minutes ago is forgotten, although no batch was large enough to prove anything', () => {
  grown().failed({ records: 3, rows: 6 }, 21_000);
  const small = { records: 0, rows: 0 };
  now += 10 * MINUTE_MS - 1;
  limits.committed(small, 5);
  expect(limits.reduction).not.toBeNull();
  now += 1;
  limits.committed(small, 5);
  expect(limits.reduction).toBeNull();
  expect(full()).toEqual({ records: 625, rows: 3_125 });
});
