/** The work of a task between the take-over of its partition and the first record. */
import { FAILING_AFTER_MS, FailureWatch, WELL_AFTER_MS } from '../../../src/ops/failure-watch.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import { SettingsChangedError } from '../../../src/pipeline/errors.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';

const folder = temporaryFolder();
const OF_INPUT = { topicId: 'input-1', leaderEpoch: 0, byMost: true };

async function played(simulated: SimulatedPartition): Promise<void> {
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  await simulated.end(task);
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
