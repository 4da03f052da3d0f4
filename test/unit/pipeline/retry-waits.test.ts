/** How often a blocked partition checks by a write, and how soon it notices an operator's change. */
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';

const folder = temporaryFolder();
let simulated: SimulatedPartition;
let task: PartitionTask;

/** The state is at offset 1, and the group's offset is 0. */
beforeEach(async () => {
  simulated = new SimulatedPartition(folder());
  simulated.keepsOpen = true;
  task = new PartitionTask(simulated.context, PARTITION);
  await simulated.pass(1_000);
  simulated.input.end = 1;
  simulated.input.deliver();
  await simulated.run(() => simulated.committed?.offset === 1);
  simulated.input.failure = new Error('the partition is restarted');
  simulated.committed = { offset: 0, leaderEpoch: -1 };
  simulated.input.deliver();
  await simulated.end(task);
  simulated.input.failure = null;
  task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => task.status.state === 'blocked');
});
afterEach(() => simulated.end(task));

test('a day of retries takes a few hundred writes', async () => {
  await simulated.pass(DAY_MS);
  expect(task.status.state).toBe('blocked');
  expect(simulated.proofs).toBeGreaterThan(100);
  expect(simulated.proofs).toBeLessThan(160);
});

test('an operator is told when the next attempt comes', async () => {
  await simulated.pass(HOUR_MS);
  await simulated.run(() => task.status.state === 'blocked');
  const next = /tries again at (\S+), and within 10 s once/.exec(task.status.reason ?? '')?.[1] ?? '';
  const waitMs = Date.parse(next) - simulated.now;
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(600_000);
});

test("an operator's change is noticed within seconds, however long the waits are", async () => {
  await simulated.pass(DAY_MS);
  await simulated.run(() => task.status.state === 'blocked');
  const setAt = simulated.now;
  simulated.committed = { offset: 1, leaderEpoch: -1 };
  await simulated.run(() => task.status.state === 'running');
  expect(simulated.now - setAt).toBeLessThan(12_500);
});

test('an input that is created again is noticed within seconds', async () => {
  await simulated.pass(DAY_MS);
  await simulated.run(() => task.status.state === 'blocked');
  const { takeOvers } = simulated;
  simulated.input.said = { ...simulated.input.said, topicId: 'other' };
  const setAt = simulated.now;
  await simulated.run(() => simulated.takeOvers > takeOvers);
  expect(simulated.now - setAt).toBeLessThan(12_500);
});

test('a clock that is set back puts the next attempt off by ten minutes at most', async () => {
  await simulated.pass(HOUR_MS);
  await simulated.run(() => task.status.state === 'blocked');
  simulated.now -= DAY_MS;
  const { proofs, now } = simulated;
  await simulated.run(() => simulated.proofs > proofs || simulated.now - now > DAY_MS);
  expect(simulated.now - now).toBeLessThan(700_000);
});
