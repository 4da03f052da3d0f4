/** The age of the first uncommitted record, from batches and from look-ups. */
import { Registry } from 'prom-client';
import type { LogRecord } from '../../../src/lib/record.js';
import { OldestUncommitted } from '../../../src/ops/oldest-uncommitted.js';
import type { BatchReport } from '../../../src/pipeline/observer.js';
import type { LogReader } from '../../../src/pipeline/ports.js';
import { ManualClock } from '../../support/manual-clock.js';

const START_MS = Date.UTC(2026, 0, 1);
const REPORT: BatchReport = {
  records: 1,
  announced: 0,
  deadLetters: 0,
  changes: 0,
  position: 1,
  lag: 0,
  companies: 1,
  cachedCompanies: 0,
  undated: null,
  ignored: { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 },
  durationMs: 1,
  latencyMs: 1,
};

let registry: Registry;
let clock: ManualClock;
let oldest: OldestUncommitted;
/** Offset -> timestamp of the input. Missing offsets were aborted. */
let stamps: Map<number, number>;
let lookedUp: number[];
let readersOpen: number;
let answers: boolean;

beforeEach(() => {
  registry = new Registry();
  clock = new ManualClock();
  clock.advance(START_MS);
  stamps = new Map();
  lookedUp = [];
  readersOpen = 0;
  answers = true;
  oldest = new OldestUncommitted({ registry, clock, logs: { reader: (_, from) => readerFrom(from) }, topic: 'input' });
});

afterEach(() => expect(readersOpen).toBe(0));

function readerFrom(from: number): LogReader {
  lookedUp.push(from);
  readersOpen++;
  let position = from;
  const next = () => {
    if (!answers) return new Promise<never>(() => undefined);
    const timestamp = stamps.get(position++);
    const record: LogRecord = { offset: position - 1, timestamp: timestamp ?? 0, key: null, value: null, headers: [] };
    return Promise.resolve({
      records: timestamp === undefined ? [] : [record],
      nextOffset: position,
      endOffset: 99,
      leaderEpoch: -1,
    });
  };
  return { next, close: () => readersOpen-- };
}

async function age(): Promise<number | undefined> {
  const found = /^company_sync_oldest_uncommitted_seconds\{partition="3"\} (.*)$/m.exec(await registry.metrics());
  return found === null ? undefined : Number(found[1]);
}

test('a partition that is stuck has its first record looked up once, and its age grows from then on', async () => {
  stamps.set(7, START_MS - 30_000);
  for (let sample = 0; sample < 5; sample++) {
    await oldest.sampled(3, 5, 9);
    expect(await age()).toBe(30 + 10 * sample);
    clock.advance(10_000);
  }
  expect(lookedUp).toEqual([5]);
  clock.advance(600_000); // Brokers that are away give no sample.
  expect(await age()).toBe(680);
});

test('a partition that moves needs no look-up; when it stops, its first record is looked up', async () => {
  await oldest.sampled(3, 5, 5);
  expect(await age()).toBe(0);
  for (let position = 10; position < 50; position += 10) {
    clock.advance(10_000);
    oldest.batch(3, { ...REPORT, position, lag: 4, latencyMs: 2_000 });
    await oldest.sampled(3, position, 90);
    expect(await age()).toBe(2);
  }
  expect(lookedUp).toEqual([]);
  stamps.set(40, clock.now() - 1_000);
  clock.advance(10_000);
  await oldest.sampled(3, 40, 90);
  expect(lookedUp).toEqual([40]);
  expect(await age()).toBe(11);
});

test('once everything is committed, a partition has no age, after a batch or after a sample', async () => {
  oldest.batch(3, { ...REPORT, lag: 1, latencyMs: 5_000 });
  await oldest.sampled(3, 1, 2);
  expect(await age()).toBe(5);
  oldest.batch(3, REPORT);
  expect(await age()).toBe(0);
  oldest.batch(3, { ...REPORT, lag: 1, latencyMs: 5_000 });
  await oldest.sampled(3, 2, 2);
  expect(await age()).toBe(0);
  oldest.state(3, { state: 'closed', reason: null });
  expect(await age()).toBeUndefined();
});

test('records that a partition gathers after a batch have an age', async () => {
  await oldest.sampled(3, 4, 5);
  clock.advance(10_000);
  oldest.batch(3, { ...REPORT, lag: 0 });
  stamps.set(5, clock.now());
  clock.advance(4_000);
  await oldest.sampled(3, 5, 7);
  expect(await age()).toBe(4);
  oldest.batch(3, { ...REPORT, lag: 0 });
  expect(await age()).toBe(0);
});

test.each([-1, 1_700_000_000, START_MS + 3_600_000])(
  'the age of a record stamped %d counts from the time when it was seen',
  async (stamp) => {
    stamps.set(5, stamp);
    await oldest.sampled(3, 5, 9);
    expect(await age()).toBe(0);
    clock.advance(60_000);
    expect(await age()).toBe(60);
  },
);

test('a look-up without an answer is repeated at the next sample, and an outdated one is ignored', async () => {
  answers = false;
  const sampled = oldest.sampled(3, 5, 9);
  clock.advance(5_000);
  await sampled;
  expect(await age()).toBe(0);

  answers = true;
  stamps.set(5, START_MS - 60_000);
  const overtaken = oldest.sampled(3, 5, 9);
  oldest.batch(3, { ...REPORT, position: 9, lag: 3, latencyMs: 1_000 });
  await overtaken;
  expect(await age()).toBe(1);
  expect(lookedUp).toEqual([5, 5]);
});
