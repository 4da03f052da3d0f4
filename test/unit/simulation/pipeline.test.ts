/**
 * A short form of `npm run simulate -- --pipeline`. A failure names its seed; `npm run simulate -- --pipeline --seeds 1
 * --from <seed> --trace` shows what happened.
 */
import { runSeed } from '../../../testkit/simulation/pipeline/run-seed.js';

const SEEDS = 100;

test('the promise is kept in each of many random runs', async () => {
  let announced = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await runSeed(seed);
    if (run.anomalies.length > 0) throw new Error(`seed ${seed}:\n${run.anomalies.join('\n')}`);
    announced += run.announced;
  }
  expect(announced).toBeGreaterThan(SEEDS);
});

test.each([1, 7, 42])('seed %d is always the same run', async (seed) => {
  const first = await runSeed(seed, { isTraced: true });
  const second = await runSeed(seed, { isTraced: true });
  expect(second).toEqual(first);
  expect(first.trace?.length).toBeGreaterThan(100);
});
