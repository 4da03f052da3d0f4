/** Measures the cost of an instance for different numbers of partitions, while nothing is written. See `--help`. */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { describeProfile } from './lib/cpu-profile.js';
import { deploy, OWN_BUILD, type Deployment } from './lib/deployment.js';
import { mebibytes, thousands } from './lib/figures.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { usedSince } from './lib/process-usage.js';

const HELP = `npm run bench:partitions -- [options]

Runs one instance with all partitions of an empty input. Prints the time from its start until GET /readyz answers that all
partitions run, for a first start and for a start after kill -9. Then, at rest, prints CPU time, connections to the broker,
and resident memory.

  --partitions N  may be given several times (1, 12, 64, 128)
  --seconds N     the time at rest (20)
  --cpu-prof DIR  profile it at rest and print where it spent its time
  --short         3 partitions for 2 seconds: check that it works
  --help          print this`;

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', multiple: true, default: ['1', '12', '64', '128'] },
    seconds: { type: 'string', default: '20' },
    'cpu-prof': { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const SECONDS = values.short ? 2 : Number(values.seconds);
/** The pause after a start. After it, the work of the start is finished. */
const REST_MS = 5_000;
const US_PER_PERCENT = 10_000;

async function bench(cluster: Cluster): Promise<void> {
  for (const partitions of values.short ? [3] : values.partitions.map(Number)) await measure(cluster, partitions);
}

async function measure(cluster: Cluster, partitions: number): Promise<void> {
  const deployment = await deploy(cluster, { partitions, build: OWN_BUILD });
  const profile = values['cpu-prof'];
  const first = await started(deployment);
  await first.processor.kill();
  const nodeArguments = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const { processor, readyMs } = await started(deployment, nodeArguments, first.processor.stateDir);
  await delay(REST_MS);

  const before = processor.usage();
  await delay(SECONDS * 1_000);
  const { userUs, systemUs } = usedSince(before, processor.usage());
  const cpu = (userUs + systemUs) / SECONDS / US_PER_PERCENT;
  const [broker] = cluster.bootstrap.split(',') as [string];
  const connections = processor.connectionsTo(broker);
  const memory = processor.memory();
  await processor.stopAndRemove();
  console.log(
    `${partitions} partitions: ready after ${thousands(first.readyMs)} ms, after kill -9 ${thousands(readyMs)} ms; ` +
      `at rest ${cpu.toFixed(1)} % of a core, ${connections} connections, ${mebibytes(memory)} resident`,
  );
  if (profile !== undefined) console.log(describeProfile(profile));
}

async function started(
  deployment: Deployment,
  nodeArguments: readonly string[] = [],
  stateDir?: string,
): Promise<{ readonly processor: MeasuredProcessor; readonly readyMs: number }> {
  const startedAt = performance.now();
  const processor = new MeasuredProcessor(deployment, OWN_BUILD, nodeArguments, stateDir);
  await processor.ready();
  return { processor, readyMs: performance.now() - startedAt };
}

if (values.help) console.log(HELP);
else await onCluster(bench);
