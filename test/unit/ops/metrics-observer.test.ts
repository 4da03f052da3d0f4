import { Registry } from 'prom-client';
import type { Announcement } from '../../../src/domain/announcement.js';
import { MetricsObserver } from '../../../src/ops/metrics-observer.js';
import type { BatchReport } from '../../../src/pipeline/observer.js';

const NOTHING_IGNORED = { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 };
const ONE_RECORD: BatchReport = {
  records: 1,
  announced: 0,
  deadLetters: 0,
  undated: null,
  ignored: NOTHING_IGNORED,
  changes: 0,
  position: 1,
  lag: 0,
  companies: 1,
  cachedCompanies: 0,
  durationMs: 1,
  latencyMs: 1,
};

let registry: Registry;
let observer: MetricsObserver;
let nowMs = 0;

beforeEach(() => {
  registry = new Registry();
  observer = new MetricsObserver(
    registry,
    () => nowMs,
    () => nowMs,
  );
  for (const partition of [1, 2]) observer.state(partition, { state: 'running', reason: null });
});

test('a closed partition has no lag, no restore and no state: its next owner reports them', async () => {
  for (const partition of [1, 2]) {
    observer.restore(partition, { position: 3, start: 0, end: 10, records: 3, bytes: 9, remainingMs: 7 });
    observer.batch(partition, { ...ONE_RECORD, lag: 5 });
  }
  observer.state(1, { state: 'closed', reason: null });
  observer.lag(1, 7); // looked up before it was closed
  const text = await registry.metrics();
  for (const gauge of ['lag_records', 'restore_remaining_records', 'partition_state'])
    expect(text).not.toContain(`company_sync_${gauge}{partition="1"`);
  expect(text).toContain('company_sync_lag_records{partition="2"} 5');
  expect(text).toContain('company_sync_restore_remaining_records{partition="2"} 7');
});

test('the outcomes of records add up to the number of records', async () => {
  observer.batch(1, {
    ...ONE_RECORD,
    records: 20,
    announced: 2,
    deadLetters: 3,
    companies: 8,
    cachedCompanies: 6,
    ignored: { final: 4, refresh: 1, stale: 2, 'nothing-to-do': 0 },
  });
  const text = await registry.metrics();
  const counts = [...text.matchAll(/^company_sync_decisions_total\{decision="(.*)"\} (\d+)$/gm)];
  expect(Object.fromEntries(counts.map(([, decision, count]) => [decision, Number(count)]))).toEqual({
    applied: 8,
    announced: 2,
    'dead-letter': 3,
    'ignored-final': 4,
    'ignored-refresh': 1,
    'ignored-stale': 2,
    'ignored-nothing-to-do': 0,
  });
  expect(text).toContain('company_sync_cache_companies_total{result="hit"} 6');
  expect(text).toContain('company_sync_cache_companies_total{result="miss"} 2');
});

test('a counter whose labels are known begins at 0', async () => {
  const text = await registry.metrics();
  const decisions = [
    'applied',
    'announced',
    'dead-letter',
    ...Object.keys(NOTHING_IGNORED).map((why) => `ignored-${why}`),
  ];
  for (const decision of decisions) expect(text).toContain(`company_sync_decisions_total{decision="${decision}"} 0`);
  for (const policy of ['FIRST_DATASET', 'ALL_DATASETS'])
    expect(text).toContain(`company_sync_announced_total{policy="${policy}"} 0`);
});

test('a restore that starts again counts its records again, and each report adds only new ones', async () => {
  for (const records of [10, 25])
    observer.restore(1, { position: records, start: 0, end: 100, records, bytes: 9, remainingMs: 7 });
  observer.state(1, { state: 'fencing', reason: null });
  observer.restore(1, { position: 5, start: 0, end: 100, records: 5, bytes: 9, remainingMs: 7 });
  expect(await registry.metrics()).toContain('company_sync_restored_records_total{partition="1"} 30');
});

test("a step's time begins at the last step that it waits for; steps after an error are not timed", async () => {
  const sumOf = async (step: string) => {
    const found = new RegExp(`duration_seconds_sum\\{step="${step}"\\} (.*)`).exec(await registry.metrics());
    return found === null ? null : Number(found[1]);
  };
  const times = { fetched: 0, decided: 10, applied: 14, begun: 20, 'offset-sent': 25, produced: 32, committed: 35 };
  for (const [step, at] of Object.entries(times)) {
    nowMs = at;
    observer.step(1, step as keyof typeof times);
  }
  observer.step(1, 'confirmed');
  expect([await sumOf('decided'), await sumOf('applied'), await sumOf('begun')]).toEqual([0.01, 0.004, 0.01]);
  expect([await sumOf('offset-sent'), await sumOf('produced'), await sumOf('committed')]).toEqual([
    0.005, 0.012, 0.003,
  ]);

  nowMs = 1_000; // only the position moves: nothing was fetched or decided
  observer.step(1, 'begun');
  expect(await sumOf('begun')).toBe(0.01);
});

const NOW = Date.UTC(2024, 0, 1);

test('an announcement counts from the record that completed its company to its commit', async () => {
  nowMs = NOW;
  const announcement = { policy: 'ALL_DATASETS', linkedAt: null } as Announcement;
  const completing = { offset: 7, timestamp: NOW - 2_500, key: null, value: null, headers: [] };
  observer.announced(1, announcement, completing);
  observer.announced(1, announcement, { ...completing, timestamp: NOW + 1 }); // stamped by a clock that is ahead
  observer.announced(1, announcement, { ...completing, timestamp: -1 }); // not a date
  const text = await registry.metrics();
  expect(text).toContain('company_sync_announcement_latency_seconds_sum 2.5');
  expect(text).toContain('company_sync_announcement_latency_seconds_count 2');
});

test('a first sync counts from its first manifest to the record that completed it, by its first source', async () => {
  const completing = { offset: 7, timestamp: NOW, key: null, value: null, headers: [] };
  const announced = (sourceType: string, linkedAt: number | null) =>
    observer.announced(
      1,
      {
        policy: 'ALL_DATASETS',
        linkedAt,
        synchronizedAt: NOW,
        connections: [
          { connectionId: 'a', sourceType },
          { connectionId: 'b', sourceType: 'Banking' },
        ],
      } as Partial<Announcement> as Announcement,
      completing,
    );
  announced('Accounting', NOW - 90_000);
  announced('Accounting', null); // an older release has read the manifest
  announced('Accounting', -1); // not a date
  for (let i = 0; i < 100; i++) announced(`type ${i}`, NOW - 1_000);
  announced('x'.repeat(1_000), NOW - 1_000);
  announced('Accounting', NOW + 1); // stamped by a clock that is ahead
  const text = await registry.metrics();
  const name = 'company_sync_first_sync_duration_seconds';
  expect(text).toContain(`${name}_sum{source_type="Accounting"} 90`);
  expect(text).toContain(`${name}_count{source_type="Accounting"} 2`);
  expect(text).toContain(`${name}_bucket{le="300",source_type="Accounting"} 2`);
  expect(text).toContain(`${name}_count{source_type="type 18"} 1`);
  expect(text).toContain(`${name}_count{source_type="other"} 82`);
  expect(text.match(new RegExp(`^${name}_count`, 'gm'))).toHaveLength(21);
});

test('records whose timestamp is not a date are counted', async () => {
  const example = { offset: 5, timestamp: -1, companyId: 'a' };
  observer.batch(1, { ...ONE_RECORD, undated: { count: 3, example } });
  observer.batch(1, { ...ONE_RECORD, undated: { count: 2, example } });
  expect(await registry.metrics()).toContain('company_sync_undated_records_total{partition="1"} 5');
});
