/**
 * A short form of `npm run simulate`. A failure names its seed; `npm run simulate -- --seeds 1 --from <seed> --trace`
 * shows what happened.
 */
import { runSeed } from '../../../testkit/simulation/instances/run-seed.js';

const SEEDS = 12;
const FIRST = 101;

test('whole instances keep the promise in each of some random runs', async () => {
  let announced = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const run = await runSeed(seed);
    if (run.anomalies.length > 0) throw new Error(`seed ${seed}:\n${run.anomalies.join('\n')}`);
    announced += run.announced;
  }
  expect(announced).toBeGreaterThan(SEEDS);
}, 300_000);

test('a seed is always the same run, to the last byte that is sent', async () => {
  const first = await runSeed(FIRST);
  const second = await runSeed(FIRST, { isTraced: true });
  expect({ ...second, trace: null }).toEqual(first);
  expect(second.trace?.length).toBeGreaterThan(50);
  expect((await runSeed(FIRST + 1)).checksum).not.toBe(first.checksum);
}, 60_000);
