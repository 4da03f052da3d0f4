/** The work of a task between the take-over of its partition and the first record. */
import { loadConfig } from '../../../src/config.js';
import { changelogUse } from '../../../src/kafka/topics/changelog-use.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import { FAILING_AFTER_MS, FailureWatch, WELL_AFTER_MS } from '../../../src/ops/failure-watch.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import {
  BrokerError,
  BrokerSettingError,
  FencedError,
  HangingTransactionError,
  InconsistentPositionError,
  MissedDeletionsError,
  SettingsChangedError,
} from '../../../src/pipeline/errors.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { Logs } from '../../../src/pipeline/ports.js';
import { checkFirstStart } from '../../../src/start-checks.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';
import { never } from './unused-ports.js';

const folder = temporaryFolder();
const OF_INPUT = { topicId: 'input-1', leaderEpoch: 0, byMost: true };

async function played(simulated: SimulatedPartition): Promise<void> {
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  await simulated.end(task);
}

/** A task that runs, and whose first position is on the disk. */
async function resting(simulated: SimulatedPartition): Promise<PartitionTask> {
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => task.status.state === 'running');
  await simulated.pass(1_000);
  return task;
}

function failNextRead({ input }: SimulatedPartition, error: Error): void {
  input.failure = error;
  input.end++;
  input.deliver();
}

test('a partition that has never committed writes its first position, once, even without records', async () => {
  const simulated = new SimulatedPartition(folder());
  simulated.input.said = OF_INPUT;
  await played(simulated);
  // Origin row, position row and the marker.
  expect(simulated.changelog.end).toBe(3);
  await played(simulated);
  expect(simulated.changelog.end).toBe(3);
});

test('the input is read with the topic id that its offsets belong to', async () => {
  const simulated = new SimulatedPartition(folder());
  simulated.input.said = OF_INPUT;
  await played(simulated);
  expect(simulated.input.lastRead).toEqual({ from: 0, topicId: 'input-1' });
});

test('a fault of this program is tried again, and reported as long as it lasts', async () => {
  const simulated = new SimulatedPartition(folder());
  const failures = new FailureWatch(() => simulated.now);
  const statuses: PartitionStatus[] = [];
  Object.assign(simulated.context.observer, {
    error: (partition: number, error: unknown) => failures.failed('partition', partition, error),
    step: failures.step.bind(failures),
    state: (partition: number, status: PartitionStatus) => {
      statuses.push(status);
      failures.state(partition, status);
    },
  });
  await played(simulated);
  simulated.takeOvers = 0;
  simulated.input.failure = new TypeError('rows is not iterable');
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(2 * FAILING_AFTER_MS);
  const cause = expect.stringContaining('a fault of this program, please report it: rows is not iterable') as string;
  expect(failures.failing()).toMatchObject([{ part: 'partition', partition: PARTITION, cause }]);
  expect(statuses).toContainEqual({ state: 'waiting', reason: cause });
  const { takeOvers } = simulated;
  expect(takeOvers).toBeLessThan(60);

  simulated.input.failure = null;
  await simulated.pass(2 * WELL_AFTER_MS);
  expect(simulated.takeOvers).toBeLessThanOrEqual(takeOvers + 1);
  expect([task.status.state, failures.failing()]).toEqual(['running', []]);
  await simulated.end(task);
});

test('if other settings built the state, the process ends, and nothing is read', async () => {
  const first = new SimulatedPartition(folder());
  Object.assign(first.context, { decidingSettings: new Map([['EVENT_NAMESPACE', 'one']]) });
  await played(first);
  const simulated = new SimulatedPartition(folder());
  Object.assign(simulated.changelog, { end: first.changelog.end, records: first.changelog.records });
  Object.assign(simulated.context, { decidingSettings: new Map([['EVENT_NAMESPACE', 'two']]) });
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => simulated.ended.length > 0);
  await simulated.end(task);
  expect(simulated.ended[0]).toBeInstanceOf(SettingsChangedError);
  expect(simulated.input.lastRead).toBeNull();
});

/** Deletes the changelog and the group's offset, as with the input, and creates the changelog again. */
function deleteState(simulated: SimulatedPartition): void {
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-2' };
  Object.assign(simulated, { committed: null });
  Object.assign(simulated.changelog, { end: 0, records: [] });
}

async function withChangelog(): Promise<SimulatedPartition> {
  const simulated = new SimulatedPartition(folder());
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-1' };
  const task = await resting(simulated);
  await simulated.end(task);
  return simulated;
}

/** What `run` finds at its start, if another deployment or this one has announced companies before. */
async function startOf({ changelog, committed }: SimulatedPartition): Promise<string | null> {
  const announced = { start: 0, end: 9, highWatermark: 9, ...SEEN_BY_MOST };
  const logs: Logs = {
    bounds: ({ topic }) => (topic === 'company-synchronized' ? Promise.resolve(announced) : changelog.bounds()),
    reader: ({ topic }, from) =>
      topic === 'company-synchronized'
        ? {
            next: () => Promise.resolve({ records: [], nextOffset: 9, endOffset: 9, leaderEpoch: -1 }),
            close: () => undefined,
          }
        : changelog.reader(from),
    committedOffset: () => Promise.resolve(committed),
    endOfEpoch: never,
    pendingOffset: never,
  };
  const isEmpty = (await changelogUse(logs, 'changelog', [await changelog.bounds()], systemClock)) !== 'used';
  const one = { syncEvents: 1, companyState: 1, companySynchronized: 1 };
  const partitions = { ...one, deadLetter: 1, clientSettings: 1, companySyncStalled: 1, companySyncFailed: 1 };
  const config = loadConfig({ APPLICATION_ID: 'app' }, {}, () => '');
  const found = await checkFirstStart(config, { partitions, changelogIsEmpty: isEmpty }, logs, systemClock);
  return found?.message ?? null;
}

test('a partition whose changelog and offset are deleted while it runs does not begin again, and the next start asks for consent', async () => {
  const simulated = new SimulatedPartition(folder());
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-1' };
  const task = await resting(simulated);
  deleteState(simulated);
  failNextRead(simulated, new BrokerError('the partition is restarted'));
  await simulated.run(() => task.status.state === 'blocked' || simulated.committed !== null);
  simulated.input.failure = null;
  await simulated.pass(HOUR_MS);
  expect(simulated.setAside).toEqual([expect.stringContaining('deleted and created again')]);
  expect(simulated.committed).toBeNull();
  expect(simulated.errors.at(-1)).toBeInstanceOf(InconsistentPositionError);
  expect(String(simulated.errors.at(-1))).toContain('would be announced again');
  await simulated.end(task);
  // The proof has left an aborted record and its marker.
  expect(simulated.changelog.end).toBeGreaterThan(0);
  expect(await startOf(simulated)).toContain('--consent used-outbound-topic');
});

test('a partition that was blocked before it ran does not begin again after its changelog is deleted', async () => {
  const simulated = await withChangelog();
  Object.assign(simulated, { committed: null });
  // The process is another one, which has not run the partition.
  Object.assign(simulated.context, { known: new KnownState(null) });
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => task.status.state === 'blocked');
  await simulated.pass(30_000);
  deleteState(simulated);
  await simulated.pass(HOUR_MS);
  expect(task.status).toMatchObject({ state: 'blocked', reason: expect.stringContaining('(no state)') as string });
  expect(simulated.committed).toBeNull();
  await simulated.end(task);
});

test('a partition that leaves and returns does not begin again after its changelog is deleted', async () => {
  const simulated = await withChangelog();
  deleteState(simulated);
  const again = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => again.status.state === 'blocked' || again.status.state === 'running');
  expect(again.status.reason).toContain('(no state)');
  expect(simulated.committed).toBeNull();
  await simulated.end(again);
});

test('a partition whose changelog has lost its records, with the offset, is stopped in every later process', async () => {
  const simulated = new SimulatedPartition(folder());
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-1' };
  simulated.changelog.end = 20;
  await simulated.end(await resting(simulated));
  Object.assign(simulated, { committed: null });
  Object.assign(simulated.changelog, { end: 0, records: [] }); // The topic is the same.
  for (const process of ['the next', 'the one after it']) {
    Object.assign(simulated.context, { known: new KnownState('changelog-1') });
    const task = new PartitionTask(simulated.context, PARTITION);
    await simulated.run(() => task.status.state === 'blocked' || task.status.state === 'running');
    expect([process, task.status.state, task.status.reason]).toEqual([
      process,
      'blocked',
      expect.stringContaining('so the partition had state'),
    ]);
    await simulated.end(task);
  }
  expect(simulated.setAside).toHaveLength(1);
  Object.assign(simulated, { committed: { offset: 0, leaderEpoch: -1 } });
  const task = await resting(simulated);
  expect(task.status.state).toBe('running');
  await simulated.end(task);
});

test('a partition without state does not begin with another changelog than the start has checked', async () => {
  const simulated = new SimulatedPartition(folder(), 'changelog-1');
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-2' };
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => task.status.state === 'blocked' || task.status.state === 'running');
  expect(task.status.reason).toContain('was created again since this process started');
  expect(simulated.proofs).toBe(1);
  expect(simulated.committed).toBeNull();
  await simulated.end(task);
});

test.each([
  FencedError,
  BrokerError,
  MissedDeletionsError,
  TypeError,
  HangingTransactionError,
  BrokerSettingError,
  InconsistentPositionError,
])('after a %p the partition is fenced again only once the group has confirmed the member', async (kind) => {
  const simulated = new SimulatedPartition(folder());
  let confirm: () => void = () => undefined;
  simulated.confirmation = new Promise((resolve) => (confirm = resolve));
  const task = await resting(simulated);
  failNextRead(simulated, new kind('the partition is restarted'));
  await simulated.run(() => simulated.signalOfTask !== null || simulated.takeOvers > 1);
  expect(simulated.takeOvers).toBe(1);
  simulated.input.failure = null;
  confirm();
  await simulated.run(() => task.status.state === 'running');
  expect(simulated.takeOvers).toBe(2);
  await simulated.end(task);
});

test.each([false, true])(
  'a folder with a batch that was aborted in the changelog alone is set aside and restored (the offset too: %s)',
  async (isOffsetAborted) => {
    const simulated = new SimulatedPartition(folder());
    // Without a leader epoch, an offset counts as an operator's consent.
    if (isOffsetAborted) simulated.input.said = { ...SEEN_BY_MOST, leaderEpoch: 3 };
    await played(simulated);
    const before = simulated.committed;
    let kept: LogRecord[] = [];
    simulated.onCommit = () => (kept = simulated.changelog.records);
    const task = new PartitionTask(simulated.context, PARTITION);
    await simulated.pass(1_000);
    simulated.input.end++;
    simulated.input.deliver();
    await simulated.run(() => simulated.committed?.offset !== before?.offset);
    await simulated.end(task);
    // The brokers have left that batch open in the changelog, and it was aborted there.
    simulated.changelog.records = kept.slice(0, -1);
    if (isOffsetAborted) simulated.committed = before;

    const again = new PartitionTask(simulated.context, PARTITION);
    await simulated.run(() => ['blocked', 'running'].includes(again.status.state));
    expect(simulated.setAside).toEqual([expect.stringContaining('was aborted there')]);
    expect(again.status.reason).toContain(isOffsetAborted ? '(transactions lost)' : '(offset differs)');
    expect(again.status.reason).toContain(
      `the state covers the input up to offset ${before?.offset}, the group's offset is ${simulated.committed?.offset}`,
    );
    await simulated.end(again);
  },
);
