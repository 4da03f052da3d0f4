/**
 * Measures a restart after kill -9: from the start of the next process until its first partition runs.
 *   npm run build && npx tsx bench/restart.ts [--rounds 5] [--initial-rebalance-delay-ms 3000]
 *
 * It measures two cases. With the state kept, the next process removes the dead member from the group at once. With
 * STATE_DIR lost, the group waits until the session of the dead member times out.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startOwnCluster } from '../testkit/cluster/start-cluster.js';
import { deploy, OWN_BUILD, type Deployment } from './lib/deployment.js';
import { describeMachine, median, thousands } from './lib/figures.js';
import { MeasuredProcessor } from './lib/measured-processor.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'initial-rebalance-delay-ms': { type: 'string', default: '3000' },
  },
});
const PARTITIONS = 12;

async function bench(): Promise<void> {
  const brokerConfig = { 'group.initial.rebalance.delay.ms': values['initial-rebalance-delay-ms'] };
  const cluster = await startOwnCluster({ brokerConfig });
  try {
    console.log(describeMachine());
    const deployment = await deploy(cluster, { partitions: PARTITIONS, build: OWN_BUILD });
    report('on the state that was left', await restarts(deployment, () => undefined));
    report('with STATE_DIR lost', await restarts(deployment, (stateDir) => rmSync(stateDir, { recursive: true })));
  } finally {
    await cluster.stop();
  }
}

/** @returns the milliseconds of each restart, from the start of the process until its first partition runs */
async function restarts(deployment: Deployment, afterKill: (stateDir: string) => void): Promise<number[]> {
  const times: number[] = [];
  let processor = new MeasuredProcessor(deployment, OWN_BUILD);
  await processor.firstRunning();
  for (let round = 0; round < Number(values.rounds); round++) {
    await processor.kill();
    afterKill(processor.stateDir);
    const startedAt = Date.now();
    processor = new MeasuredProcessor(deployment, OWN_BUILD, [], processor.stateDir);
    times.push((await processor.firstRunning()).at - startedAt);
  }
  await processor.stopAndRemove();
  return times;
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.map((ms) => thousands(ms)).join(', ');
  console.log(`${what}: median ${thousands(median(times))} ms (${sorted})`);
}

await bench();
