import { repartition, RepartitionRefusedError, type RepartitionPorts } from '../../../src/repartition/repartition.js';

/**
 * The ports of a stopped deployment whose input and changelog have two partitions. Any further read or change would
 * throw.
 */
const ports = {
  applicationId: 'eu-shadow',
  input: 'sync-events',
  changelog: 'eu-shadow-company-state',
  shadowOf: 'eu',
  admin: { countPartitions: () => Promise.resolve(2) },
  group: { members: () => Promise.resolve([]) },
  logs: { committedOffset: () => Promise.resolve(null) },
  report: () => undefined,
} as unknown as RepartitionPorts;

test('a shadow does not add partitions to an input that its deployment also reads', async () => {
  const refused = repartition(ports, 4);
  await expect(refused).rejects.toThrow(RepartitionRefusedError);
  await expect(refused).rejects.toThrow('shared with eu');
});

test('a shadow has nothing to move if its changelog has as many partitions as the input', async () => {
  const said: string[] = [];
  await repartition({ ...ports, report: (line) => said.push(line) }, null);
  expect(said).toEqual([expect.stringContaining('nothing to do')]);
});
