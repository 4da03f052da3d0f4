/** Metrics that are looked up: how long they are reported, and when they are removed. */
import { Registry } from 'prom-client';
import { pino } from 'pino';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { hold } from '../../../src/domain/transition.js';
import type { Clock, EndSignal } from '../../../src/lib/clock.js';
import type { TopicPartition } from '../../../src/lib/record.js';
import { InstanceMetrics, STALE_AFTER_MS } from '../../../src/ops/instance-metrics.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

const folder = temporaryFolder();
const RUNNING: PartitionStatus = { state: 'running', reason: null };

/** What a test of one metric does not look at. */
const UNUSED = {
  logger: pino({ level: 'silent' }),
  topic: 'sync-events',
  inputPartitions: 4,
  deadLetterRetentionMs: Infinity,
  stateSize: () => Promise.resolve({ partitions: new Map<number, number>(), setAside: 0 }),
  changelogBytes: () => Promise.resolve(null),
  onLag: () => undefined,
  oldestUncommitted: { sampled: () => Promise.resolve(), stale: () => undefined },
};

/** Looks once: its clock's first delay ends everything. */
async function lookOnce(run: (clock: Clock, signal: AbortSignal) => Promise<void>): Promise<void> {
  const once = new AbortController();
  const delay = () => {
    once.abort();
    return Promise.resolve();
  };
  await run({ now: () => 0, delay }, once.signal);
}

const JANUARY_2024_MS = Date.UTC(2024, 0, 1);

test('the oldest hold is reported while it exists and the partition is here; a partition that cannot be read keeps its value', async () => {
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const company = new CompanyRows('a');
  company.loadCompany(null);
  hold(company, '3/7', 'undecodable', { heldSince: JANUARY_2024_MS + 5_000 });
  await store.apply(encodeChanges([company], positionRow(1), null), positionRow(1), 0);
  store.confirm(1);

  let readable: PartitionStore | null = store;
  const assigned = new Map([[3, RUNNING]]);
  const registry = new Registry();
  let current: Clock;
  const clock = { now: () => current.now(), delay: (ms: number, signal?: EndSignal) => current.delay(ms, signal) };
  const metrics = new InstanceMetrics({
    ...UNUSED,
    registry,
    clock,
    logs: {
      bounds: () => Promise.resolve({ start: 0, end: 0, highWatermark: 0, ...SEEN_BY_MOST }),
      committedOffset: () => Promise.resolve(null),
    },
    local: { statuses: () => assigned, committed: () => readable?.committed() ?? null },
  });
  const linesOf = async (): Promise<string[]> => {
    await lookOnce((given, signal) => {
      current = given;
      return metrics.run(signal);
    });
    return [...(await registry.metrics()).matchAll(/^company_sync_oldest_hold.*$/gm)].map(([line]) => line);
  };

  const line = 'company_sync_oldest_hold_timestamp_seconds{partition="3"} 1704067205';
  expect(await linesOf()).toEqual([line]);
  expect(await registry.metrics()).toMatch(/^company_sync_dead_letter_retention_seconds \+Inf$/m);
  readable = null; // as while it is restored
  expect(await linesOf()).toEqual([line]);
  readable = store;
  company.settle();
  company.setHold('3/7', null);
  company.setCompany(NEW_COMPANY);
  await store.apply(encodeChanges([company], positionRow(2), positionRow(1)), positionRow(2), 0);
  store.confirm(2);
  expect(await linesOf()).toEqual([]);

  company.settle();
  hold(company, '3/9', 'undecodable', { heldSince: JANUARY_2024_MS + 9_000 });
  await store.apply(encodeChanges([company], positionRow(3), positionRow(2)), positionRow(3), 0);
  store.confirm(3);
  expect(await linesOf()).toHaveLength(1);
  assigned.clear();
  expect(await linesOf()).toEqual([]);
  await store.close();
});

test('the wait of input behind one transaction is reported, until the transaction ends or the partition leaves', async () => {
  const assigned = new Map([[3, RUNNING]]);
  const registry = new Registry();
  const log = { stable: 5, watermark: 5, now: 0 };
  let end = new AbortController();
  const delay = () => {
    end.abort();
    return Promise.resolve();
  };
  const metrics = new InstanceMetrics({
    ...UNUSED,
    registry,
    clock: { now: () => log.now, delay },
    logs: {
      bounds: () => Promise.resolve({ start: 0, end: log.stable, highWatermark: log.watermark, ...SEEN_BY_MOST }),
      committedOffset: () => Promise.resolve(null),
    },
    local: { statuses: () => assigned, committed: () => null },
  });
  const toldAt = async (seconds: number, stable: number, watermark: number): Promise<string | undefined> => {
    Object.assign(log, { now: seconds * 1000, stable, watermark });
    end = new AbortController();
    await metrics.run(end.signal);
    return /^company_sync_input_open_transaction_seconds\{partition="3"\} (.*)$/m.exec(await registry.metrics())?.[1];
  };

  expect(await toldAt(0, 5, 5)).toBe('0');
  expect(await toldAt(10, 5, 9)).toBe('0');
  expect(await toldAt(30, 5, 12)).toBe('20');
  expect(await toldAt(40, 12, 14)).toBe('0'); // the next one
  expect(await toldAt(55, 12, 14)).toBe('15');
  expect(await toldAt(60, 14, 14)).toBe('0');
  expect(await toldAt(70, 14, 20)).toBe('0');
  assigned.clear();
  expect(await toldAt(80, 14, 20)).toBeUndefined();
  assigned.set(3, RUNNING);
  expect(await toldAt(90, 14, 20)).toBe('0');
});

test('a partition without an answer does not delay others, and its own value expires', async () => {
  const assigned = new Map([3, 4].map((partition) => [partition, RUNNING]));
  const lags = new Map<number, number | null>();
  const stop = new AbortController();
  const clock = new ManualClock();
  const stale: number[] = [];
  const registry = new Registry();
  let hasLeader = true;
  let unanswered = 0;
  let end = 5;
  const bounds = ({ partition }: TopicPartition) => {
    if (partition !== 3 || hasLeader) return Promise.resolve({ start: 0, end, highWatermark: end, ...SEEN_BY_MOST });
    unanswered++;
    return new Promise<never>(() => undefined);
  };
  const openTransactions = async () =>
    [...(await registry.metrics()).matchAll(/^company_sync_input_open_transaction_seconds\{partition="(\d)"\}/gm)].map(
      ([, partition]) => Number(partition),
    );
  const metrics = new InstanceMetrics({
    ...UNUSED,
    registry,
    clock,
    logs: { bounds, committedOffset: () => Promise.resolve({ offset: 1, leaderEpoch: 0 }) },
    local: { statuses: () => assigned, committed: () => null },
    onLag: (partition, records) => lags.set(partition, records),
    oldestUncommitted: { sampled: () => Promise.resolve(), stale: (partition) => stale.push(partition) },
  });
  const running = metrics.run(stop.signal);
  await passTime(clock, 1);
  expect([...lags]).toEqual([
    [3, 4],
    [4, 4],
  ]);
  hasLeader = false;
  end = 9;
  await passTime(clock, 20_000);
  expect([...lags]).toEqual([
    [3, 4],
    [4, 8],
  ]);
  expect(await openTransactions()).toEqual([3, 4]);
  end = 12;
  await passTime(clock, STALE_AFTER_MS);
  expect([...lags]).toEqual([
    [3, null],
    [4, 11],
  ]);
  expect(new Set(stale)).toEqual(new Set([3]));
  expect(await openTransactions()).toEqual([4]);
  expect(unanswered).toBe(1); // Requests do not accumulate.
  stop.abort();
  await passTime(clock, STALE_AFTER_MS);
  await running;
});
