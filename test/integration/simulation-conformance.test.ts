/** The simulated Kafka answers as a real one. `npm run conformance` prints all differences. */
import { randomUUID } from 'node:crypto';
import { compare, SCENARIOS } from '../../testkit/conformance/run.js';
import { currentCluster } from '../support/current-cluster.js';

test.each(Object.entries(SCENARIOS))('%s', async (_name, scenario) => {
  const { answers, differences } = await compare(scenario, currentCluster().bootstrap, randomUUID());
  expect(answers).toBeGreaterThan(0);
  expect(differences).toEqual([]);
});
