/** The work of a task between the take-over of its partition and the first record. */
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
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';

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
  simulated.changelog.end = first.changelog.end;
  Object.assign(simulated.context, { decidingSettings: new Map([['EVENT_NAMESPACE', 'two']]) });
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => simulated.ended.length > 0);
  await simulated.end(task);
  expect(simulated.ended[0]).toBeInstanceOf(SettingsChangedError);
  expect(simulated.input.lastRead).toBeNull();
});

test('a partition whose changelog and offset are deleted while it runs does not begin again', async () => {
  const simulated = new SimulatedPartition(folder());
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-1' };
  const task = await resting(simulated);
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-2' };
  Object.assign(simulated, { committed: null });
  Object.assign(simulated.changelog, { end: 0 });
  failNextRead(simulated, new BrokerError('the partition is taken over again'));
  await simulated.run(() => task.status.state === 'blocked' || simulated.committed !== null);
  simulated.input.failure = null;
  await simulated.pass(HOUR_MS);
  expect(simulated.setAside).toEqual([expect.stringContaining('deleted and created again')]);
  expect(simulated.committed).toBeNull();
  expect(simulated.errors.at(-1)).toBeInstanceOf(InconsistentPositionError);
  expect(String(simulated.errors.at(-1))).toContain('would be announced again');
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
  failNextRead(simulated, new kind('the partition is taken over again'));
  await simulated.run(() => simulated.signalOfTask !== null || simulated.takeOvers > 1);
  expect(simulated.takeOvers).toBe(1);
  simulated.input.failure = null;
  confirm();
  await simulated.run(() => task.status.state === 'running');
  expect(simulated.takeOvers).toBe(2);
  await simulated.end(task);
});
