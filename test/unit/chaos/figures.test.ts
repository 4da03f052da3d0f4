/** The figures at the end of a chaos run. */
import { InstanceFigures } from '../../../testkit/chaos/instance-figures.js';
import { longestPauseMs } from '../../../testkit/chaos/longest-pause.js';

function states(figures: InstanceFigures, partition: number, ...names: string[]): void {
  for (const state of names) figures.logged({ msg: `partition is ${state}`, partition, state });
}

test('a partition that runs after fencing or an error was taken over; one that waited for the registry was not', () => {
  const figures = new InstanceFigures();
  states(figures, 0, 'fencing', 'restoring', 'running');
  expect(figures.takeOvers).toBe(1);
  states(figures, 0, 'waiting-for-registry', 'running', 'running');
  expect(figures.takeOvers).toBe(1);
  figures.logged({ msg: 'taking the partition over again after an error', partition: 0 });
  states(figures, 0, 'running');
  expect(figures.takeOvers).toBe(2);
  states(figures, 1, 'fencing', 'running');
  expect(figures.takeOvers).toBe(3);
});

test('transactions of all processes of an instance count', () => {
  const figures = new InstanceFigures();
  const metrics = (count: number) => `# TYPE x counter\ncompany_sync_batch_duration_seconds_count ${count}\n`;
  figures.measured(metrics(3));
  figures.measured(metrics(7));
  figures.started();
  figures.measured(metrics(2));
  figures.measured('');
  expect(figures.transactions).toBe(9);
});

test('the longest pause is before the first announcement of a partition, or between two', () => {
  const at = (partition: number, timestamp: number) => ({
    partition,
    timestamp,
    offset: 0,
    key: null,
    value: null,
    headers: new Map(),
  });
  const records = [at(0, 1_000), at(0, 1_500), at(0, 1_400), at(1, 1_300), at(1, 2_000)];
  expect(longestPauseMs({ records }, 900)).toBe(700);
  expect(longestPauseMs({ records }, 200)).toBe(1_100);
  expect(longestPauseMs({ records: [] }, 0)).toBe(0);
});
