/** When a part counts as failing, why, and when it no longer does. */
import { Registry } from 'prom-client';
import {
  FAILING_AFTER_MS,
  FailureWatch,
  READING_WELL_AFTER_MS,
  WELL_AFTER_MS,
} from '../../../src/ops/failure-watch.js';
import type { PartitionState } from '../../../src/pipeline/observer.js';

const SINCE_START = '1970-01-01T00:00:00.000Z';
let nowMs: number;
let watch: FailureWatch;

beforeEach(() => {
  nowMs = 0;
  watch = new FailureWatch(() => nowMs);
});

function enter(state: PartitionState, reason: string | null = null): void {
  watch.state(3, { state, reason });
}

function commit(): void {
  for (const step of ['fetched', 'decided', 'begun', 'committed', 'confirmed'] as const) watch.step(3, step);
}

/** A partition that fails `times` in a row, as its task reports it. */
function flap(times: number, runsMs: number, message = 'the disk is full'): void {
  for (let i = 0; i < times; i++) {
    enter('fencing');
    enter('running');
    nowMs += runsMs;
    watch.error(3, new Error(message));
    enter('waiting', message);
    nowMs += 5_000;
  }
}

test('a partition that fails every few seconds is failing after a minute, with the last error, also while it runs', () => {
  enter('running');
  commit();
  flap(6, 4_000, 'fenced');
  expect(watch.failing()).toEqual([]);
  flap(1, 4_000);
  enter('fencing');
  enter('running');
  const failure = { failingSince: '1970-01-01T00:00:00.000Z', cause: 'the disk is full' };
  expect(watch.failing()).toEqual([{ part: 'partition', partition: 3, ...failure }]);
  expect(watch.failureOf('partition', 3)).toEqual(failure);
});

test('a commit ends trouble, and so does an idle partition that continues to run', () => {
  flap(20, 4_000);
  enter('running');
  commit();
  expect(watch.failing()).toEqual([]);

  flap(20, 4_000);
  enter('running');
  nowMs += WELL_AFTER_MS - 1;
  expect(watch.failing()).toHaveLength(1);
  nowMs += 1;
  expect(watch.failing()).toEqual([]);
});

test('trouble begins again if a partition was healthy in between', () => {
  for (let i = 0; i < 10; i++) flap(1, WELL_AFTER_MS);
  expect(watch.failing()).toEqual([]);
});

test('a running partition whose batch never ends is failing, and reports the last step', () => {
  enter('running');
  commit();
  nowMs = 1_000;
  watch.step(3, 'fetched');
  watch.step(3, 'decided');
  nowMs += FAILING_AFTER_MS;
  expect(watch.failing()).toEqual([
    {
      part: 'partition',
      partition: 3,
      failingSince: '1970-01-01T00:00:01.000Z',
      cause: 'a batch is in progress, its last step is "decided"',
    },
  ]);
});

test.each(['fencing', 'restoring', 'waiting', 'blocked', 'waiting-for-registry'] as const)(
  'a partition that stays %s is failing',
  (state) => {
    enter(state, state === 'restoring' ? 'changelog offsets 0 to 9' : null);
    nowMs = FAILING_AFTER_MS;
    expect(watch.failureOf('partition', 3)).toEqual({
      failingSince: SINCE_START,
      cause: `the partition is ${state}`,
    });
  },
);

test('a long restore is not failing while it gets further than before; one that begins again is', () => {
  const restore = (position: number) => {
    nowMs += 10_000;
    watch.restore(3, { position, start: 0, end: 1_000, records: 1, bytes: 1, remainingMs: null });
  };
  enter('restoring');
  for (let position = 0; position < 100; position++) {
    restore(position);
    expect(watch.failing()).toEqual([]);
  }
  watch.error(3, new Error('the connection was lost'));
  enter('restoring');
  for (let position = 0; position < 7; position++) restore(position);
  expect(watch.failureOf('partition', 3)).toMatchObject({ cause: 'the connection was lost' });
  restore(100);
  expect(watch.failing()).toEqual([]);
});

test('a partition whose reader reports an outage again and again is failing until it no longer does', () => {
  const outage = new Error('connect ECONNREFUSED');
  enter('running');
  commit();
  for (let i = 0; i < 3; i++) {
    watch.readingFailed('partition', 3, outage);
    nowMs += 30_000;
  }
  expect(watch.failureOf('partition', 3)).toEqual({ failingSince: SINCE_START, cause: outage.message });
  nowMs += READING_WELL_AFTER_MS - 30_000;
  expect(watch.failing()).toEqual([]);

  enter('fencing');
  watch.readingFailed('partition', 3, outage);
  nowMs += FAILING_AFTER_MS;
  expect(watch.failing()).toHaveLength(1); // Only its own progress ends the trouble of a fencing.
});

test('a standby is failing until it follows the changelog again, whether or not there is something new', () => {
  const fail = () => {
    for (let i = 0; i < 8; i++) {
      watch.standby(3, { position: 5, end: 5 });
      nowMs += 9_000;
      watch.standbyError(3, new Error('the disk fails'));
    }
  };
  watch.standby(3, { position: 5, end: 5 });
  fail();
  const [failing] = watch.failing();
  expect(failing).toMatchObject({ part: 'standby', partition: 3, cause: 'the disk fails' });
  watch.standby(3, { position: 6, end: 6 });
  expect(watch.failing()).toEqual([]);
  fail();
  watch.standby(3, { position: 5, end: 5 });
  nowMs += WELL_AFTER_MS;
  expect(watch.failing()).toEqual([]);

  watch.changelogFailed(3, new Error('an outage of the changelog'));
  nowMs += 30_000;
  watch.changelogFailed(3, new Error('an outage of the changelog'));
  nowMs += 30_000;
  expect(watch.failing()).toMatchObject([{ part: 'standby', cause: 'an outage of the changelog' }]);
});

test('a partition that has left does not fail any more', () => {
  flap(20, 1_000);
  enter('closed');
  watch.standbyError(3, new Error('the disk fails'));
  watch.standby(3, null);
  watch.readingFailed('partition', 3, new Error('told too late'));
  nowMs += 2 * FAILING_AFTER_MS;
  expect(watch.failing()).toEqual([]);
});

test('parts of the whole instance can fail too, and every failure is a metric', async () => {
  const registry = new Registry();
  watch.register(registry);
  watch.failed('group', null, new Error('the coordinator is loading'));
  watch.failed('client-settings', null, new Error('the registry is away'));
  nowMs = FAILING_AFTER_MS;
  enter('running');
  commit();
  watch.progressed('client-settings', null);
  expect(watch.failing()).toEqual([
    { part: 'group', partition: null, failingSince: SINCE_START, cause: 'the coordinator is loading' },
  ]);
  const series = [...(await registry.metrics()).matchAll(/^company_sync_failing_seconds(.*)$/gm)].map(
    ([, line]) => line,
  );
  expect(series.sort()).toEqual([
    '{part="client-settings",partition=""} 0',
    '{part="group",partition=""} 60',
    '{part="partition",partition="3"} 0',
  ]);
});
