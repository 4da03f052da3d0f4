/** Measures how fast one instance builds its state from the changelog, in an empty folder. See `--help`. */
import { parseArgs } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { fillChangelog, ROW_BYTES } from './lib/changelog.js';
import { describeProfile } from './lib/cpu-profile.js';
import { deploy, OWN_BUILD, type Deployment } from './lib/deployment.js';
import { mebibytes, thousands } from './lib/figures.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { usedSince } from './lib/process-usage.js';

const HELP = `npm run bench:restore -- [options]

Writes changelogs of --records rows of ${ROW_BYTES} bytes, then starts an instance on an empty folder. Measures the time from
the first partition that restores until the last one runs.

  --records N      in all partitions together (1000000)
  --partitions N   (4)
  --rounds N       each with a folder of its own (2)
  --build FOLDER   the build to measure (dist); given several times, they take turns in each round
  --cpu-prof DIR   profile the processor (which slows it) and print where it spent its time
  --short          20,000 records, once: check that it works, not how fast
  --help           print this`;

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    partitions: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '2' },
    build: { type: 'string', multiple: true, default: [OWN_BUILD] },
    'cpu-prof': { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const RECORDS = values.short ? 20_000 : Number(values.records);
const PARTITIONS = Number(values.partitions);
const ROUNDS = values.short ? 1 : Number(values.rounds);
const MIB = 2 ** 20;

async function bench(cluster: Cluster): Promise<void> {
  const deployment = await deploy(cluster, { partitions: PARTITIONS, build: OWN_BUILD });
  const topic = `${deployment.applicationId}-company-state`;
  const startedAt = Date.now();
  await fillChangelog(cluster, { topic, partitions: PARTITIONS }, RECORDS);
  const size = `${thousands(RECORDS)} records of ${ROW_BYTES} bytes in ${PARTITIONS} partitions`;
  console.log(`${size}, written in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  for (let round = 0; round < ROUNDS; round++) for (const build of values.build) await restore(deployment, build);
}

async function restore(deployment: Deployment, build: string): Promise<void> {
  const profile = values['cpu-prof'];
  const nodeArguments = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const processor = new MeasuredProcessor(deployment, build, nodeArguments);
  const before = processor.usage();
  const endedAt = await processor.allRunning(PARTITIONS);
  const used = usedSince(before, processor.usage());
  const peak = processor.peakMemory();
  const restoring = processor.states.filter(({ state }) => state === 'restoring');
  const seconds = (endedAt - Math.min(...restoring.map(({ at }) => at))) / 1000;
  await processor.stopAndRemove();
  const rate = RECORDS / seconds;
  console.log(
    `${build}: ${thousands(rate)} records/s, ${((rate * ROW_BYTES) / MIB).toFixed(0)} MiB/s: ${seconds.toFixed(2)} s, ` +
      `CPU ${((used.userUs + used.systemUs) / RECORDS).toFixed(2)} us a record with the start, peak ${mebibytes(peak)}`,
  );
  if (profile !== undefined) console.log(describeProfile(profile));
}

if (values.help) console.log(HELP);
else await onCluster(bench);
