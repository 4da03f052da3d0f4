/** The simulated Kafka answers as a real one. `npm run conformance` prints all differences. */
import { randomUUID } from 'node:crypto';
import { compare, SCENARIOS } from '../../testkit/conformance/run.js';
import { currentCluster } from '../support/current-cluster.js';

test.each(Object.keys(SCENARIOS))('%s', async (name) => {
  const { answers, refused } = await compare(name, currentCluster().bootstrap, randomUUID());
  expect(answers).toBeGreaterThan(0);
  expect(refused).toEqual([]);
});
