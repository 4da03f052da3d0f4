/** Runs that lose something: the simulated operator acts as docs/operations.md says, and the promise holds as it says. */
import { runSeed, type InstancesRunResult } from '../../../testkit/simulation/instances/run-seed.js';

async function run(fault: string, seed: number): Promise<InstancesRunResult> {
  const result = await runSeed(seed, { faults: [fault] });
  if (result.anomalies.length > 0) throw new Error(`seed ${seed}:\n${result.anomalies.join('\n')}`);
  return result;
}

test.each([
  ['input created again', 1],
  ['changelog created again', 1],
  ['offsets of the group deleted', 2],
])(
  '%s: the partition is blocked, and runs again after the remedy',
  async (fault, seed) => {
    const { operatorActs, records } = await run(fault, seed);
    expect(operatorActs).toBe(1);
    expect(records).toBeGreaterThan(5);
  },
  300_000,
);

test.each([
  ['announcements created again', 1],
  ['changelog compacted', 1],
  ['transaction of another producer', 1],
  ['message limit lowered', 1],
  ['consumed records deleted from the input', 1],
])(
  '%s: the partition runs on without an operator',
  async (fault, seed) => {
    const { operatorActs, announced } = await run(fault, seed);
    expect(operatorActs).toBe(0);
    expect(announced).toBeGreaterThan(0);
  },
  300_000,
);
