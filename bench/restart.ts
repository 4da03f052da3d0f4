/**
 * Measures a restart after kill -9: from the start of the next process until its first partition runs.
 *   npm run build && npx tsx bench/restart.ts [--rounds 5] [--initial-rebalance-delay-ms 3000] [--build FOLDER]...
 *
 * It measures two cases. With the state kept, the next process removes the dead member from the group at once. With
 * STATE_DIR lost, the group waits until the session of the dead member times out.
 * Several builds take turns in each round, each with a deployment of its own.
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
    build: { type: 'string', multiple: true, default: [OWN_BUILD] },
  },
});
const PARTITIONS = 12;

async function bench(): Promise<void> {
  const brokerConfig = { 'group.initial.rebalance.delay.ms': values['initial-rebalance-delay-ms'] };
  const cluster = await startOwnCluster({ brokerConfig });
  try {
    console.log(describeMachine());
    const deployments = new Map<string, Deployment>();
    for (const build of values.build) deployments.set(build, await deploy(cluster, { partitions: PARTITIONS, build }));
    await restarts('on the state that was left', deployments, () => undefined);
    await restarts('with STATE_DIR lost', deployments, (stateDir) => rmSync(stateDir, { recursive: true }));
  } finally {
    await cluster.stop();
  }
}

async function restarts(
  what: string,
  deployments: ReadonlyMap<string, Deployment>,
  afterKill: (stateDir: string) => void,
): Promise<void> {
  const times = new Map<string, number[]>([...deployments.keys()].map((build) => [build, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [build, deployment] of deployments) times.get(build)?.push(await restart(deployment, build, afterKill));
  for (const [build, measured] of times) report(`${what}, ${build}`, measured);
}

/** @returns the time from the start of the process to the first partition that runs, in milliseconds */
async function restart(deployment: Deployment, build: string, afterKill: (stateDir: string) => void): Promise<number> {
  const processor = new MeasuredProcessor(deployment, build);
  await processor.firstRunning();
  await processor.kill();
  afterKill(processor.stateDir);
  const startedAt = Date.now();
  const next = new MeasuredProcessor(deployment, build, [], processor.stateDir);
  const { at } = await next.firstRunning();
  await next.stopAndRemove();
  return at - startedAt;
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.map((ms) => thousands(ms)).join(', ');
  console.log(`${what}: median ${thousands(median(times))} ms (${sorted})`);
}

await bench();
