/** Measures how long partitions pause when their owner stops, dies or is restarted. See `--help`. */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPlatformEncoder } from '../testkit/platform-events.js';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { startOwnCluster } from '../testkit/cluster/start-cluster.js';
import { fillChangelog } from './lib/changelog.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER, type Deployment } from './lib/deployment.js';
import { quantile, thousands } from './lib/figures.js';
import { connectProducer } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { Pauses } from './lib/pauses.js';
import { logsOf } from './lib/topic-reading.js';

const SCENARIOS = {
  'planned-move': { what: 'SIGTERM of one of two', instances: 2, play: plannedMove },
  'kill-state-kept': { what: 'kill -9 of one of two, started again on its state', instances: 2, play: killed(keep) },
  'kill-state-lost': {
    what: 'kill -9 of one of two, started again without its state',
    instances: 2,
    play: killed(lose),
  },
  'kill-for-good': { what: 'kill -9 of one of two, the other takes over', instances: 2, play: killedForGood },
  'rolling-restart': { what: 'rolling restart of three', instances: 3, play: rollingRestart },
} as const;
type Scenario = keyof typeof SCENARIOS;

const HELP = `npm run bench:take-over -- [scenario...] [options]

Runs instances as processes, on a state of --rows rows, while every partition gets a company of one dataset every
--interval ms. Prints the pause of each partition: the longest time from just before a record was sent until its
announcement could be read. Scenarios (all of them by default):

${Object.entries(SCENARIOS)
  .map(([name, { what }]) => `  ${name.padEnd(16)} ${what}`)
  .join('\n')}

  --rounds N       of each scenario (3)
  --partitions N   (12)
  --standbys N     NUM_STANDBY (0)
  --rows N         state rows of ~100 bytes in all partitions together (600000)
  --interval N     (50)
  --build FOLDER   the build to measure (dist); given several times, they take turns in each round, each on its own state
  --short          one round on little state: to see that it works
  --help           print this`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '12' },
    standbys: { type: 'string', default: '0' },
    rows: { type: 'string', default: '600000' },
    interval: { type: 'string', default: '50' },
    build: { type: 'string', multiple: true, default: [OWN_BUILD] },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const PARTITIONS = Number(values.partitions);
const ROUNDS = values.short ? 1 : Number(values.rounds);
const ROWS = values.short ? 12_000 : Number(values.rows);
/** The pause between two disturbances. The group comes to rest meanwhile. */
const REST_MS = 2_000;
const STANDBY_POLL_MS = 200;

interface Stage {
  readonly build: string;
  readonly deployment: Deployment;
  readonly instances: MeasuredProcessor[];
  readonly pauses: Pauses;
  readonly close: () => Promise<void>;
}

async function bench(cluster: Cluster, scenarios: readonly Scenario[]): Promise<void> {
  const load = `a company each ${values.interval} ms in each of ${PARTITIONS} partitions`;
  console.log(`${thousands(ROWS)} rows of state, NUM_STANDBY ${values.standbys}, ${load}`);
  const stages: Stage[] = [];
  try {
    for (const build of values.build) stages.push(await stageOf(cluster, build));
    for (const scenario of scenarios) await measure(stages, scenario);
  } finally {
    for (const stage of stages) await stage.close();
  }
}

async function stageOf(cluster: Cluster, build: string): Promise<Stage> {
  const made = await deploy(cluster, { partitions: PARTITIONS, build });
  const deployment = { ...made, env: { ...made.env, NUM_STANDBY: values.standbys } };
  await fillChangelog(cluster, { topic: `${made.applicationId}-company-state`, partitions: PARTITIONS }, ROWS);
  const encoder = await createPlatformEncoder(cluster.registryUrl, deployment.topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const common = { producer, encoder, deployment, logs, partitions: PARTITIONS };
  const pauses = new Pauses({ ...common, intervalMs: Number(values.interval) });
  const instances: MeasuredProcessor[] = [];
  const close = async (): Promise<void> => {
    await stopAll(instances);
    await pauses.close();
    await logs.close();
    await producer.disconnect();
  };
  return { build, deployment, instances, pauses, close };
}

async function measure(stages: readonly Stage[], scenario: Scenario): Promise<void> {
  const { instances: wanted, play, what } = SCENARIOS[scenario];
  const rounds = new Map<Stage, (readonly number[])[]>(stages.map((stage) => [stage, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [stage, pauses] of rounds) {
      while (stage.instances.length > wanted) await stage.instances.pop()?.stopAndRemove();
      while (stage.instances.length < wanted) stage.instances.push(start(stage));
      await atRest(stage);
      pauses.push(await play(stage));
      await atRest(stage);
      if (stages.length > 1) await stopAll(stage.instances);
    }
  }
  for (const [{ build }, pauses] of rounds) report(`${scenario} (${what}), ${build}`, pauses);
}

function start({ deployment, build }: Stage, stateDir?: string): MeasuredProcessor {
  return new MeasuredProcessor(deployment, build, [], stateDir);
}

/** So that the other builds have the machine for themselves. */
async function stopAll(instances: MeasuredProcessor[]): Promise<void> {
  await Promise.all(instances.splice(0).map((instance) => instance.stopAndRemove()));
}

/** Waits until all instances share the partitions, and their standbys have caught up. */
async function atRest({ instances, pauses }: Stage): Promise<void> {
  const least = Math.floor(PARTITIONS / instances.length);
  await Promise.all(instances.map((instance) => instance.allRunning(least)));
  await pauses.settled();
  while (values.standbys !== '0' && !(await Promise.all(instances.map(hasFollowed))).every(Boolean))
    await delay(STANDBY_POLL_MS);
  await delay(REST_MS);
  await pauses.settled();
}

/** Whether the instance has standbys, and none of them is behind by more than the records in progress. */
async function hasFollowed(instance: MeasuredProcessor): Promise<boolean> {
  const text = await (await instance.get('/metrics')).text();
  const lags = [...text.matchAll(/^company_sync_standby_lag_records\{.*\} (\d+)$/gm)].map(([, lag]) => Number(lag));
  const restoring = /^company_sync_partition_state\{.*"restoring".*\} 1$/m.test(text);
  return !restoring && lags.length > 0 && lags.every((lag) => lag < PARTITIONS * 10);
}

/** Stops one instance. @returns the pauses of the partitions of the instance that stopped */
async function plannedMove(stage: Stage): Promise<readonly number[]> {
  const { instances, pauses } = stage;
  const [stays, leaves] = instances as [MeasuredProcessor, MeasuredProcessor];
  const moved = leaves.runningPartitions();
  const paused = await pauses.during(async () => {
    await leaves.stop();
    await stays.allRunning(PARTITIONS);
  });
  instances[1] = start(stage, leaves.stateDir);
  return moved.map((partition) => paused[partition] as number);
}

function keep(): void {
  // Does nothing: the next process gets the folder unchanged.
}

function lose(stateDir: string): void {
  rmSync(stateDir, { recursive: true });
}

function killed(afterKill: (stateDir: string) => void) {
  return async (stage: Stage): Promise<readonly number[]> => {
    const { instances, pauses } = stage;
    const dies = instances[1] as MeasuredProcessor;
    const moved = dies.runningPartitions();
    const paused = await pauses.during(async () => {
      await dies.kill();
      afterKill(dies.stateDir);
      const back = start(stage, dies.stateDir);
      instances[1] = back;
      await back.firstRunning();
    });
    return moved.map((partition) => paused[partition] as number);
  };
}

async function killedForGood(stage: Stage): Promise<readonly number[]> {
  const { instances, pauses } = stage;
  const [stays, dies] = instances as [MeasuredProcessor, MeasuredProcessor];
  const moved = dies.runningPartitions();
  const paused = await pauses.during(async () => {
    await dies.kill();
    await stays.allRunning(PARTITIONS);
  });
  instances[1] = start(stage, dies.stateDir);
  return moved.map((partition) => paused[partition] as number);
}

/**
 * Stops and starts each instance once the previous one is ready, as a StatefulSet does.
 *
 * @returns the pauses of all partitions
 */
async function rollingRestart(stage: Stage): Promise<readonly number[]> {
  const { instances, pauses } = stage;
  return pauses.during(async () => {
    for (const [i, leaves] of instances.entries()) {
      await leaves.stop();
      const back = start(stage, leaves.stateDir);
      instances[i] = back;
      await back.ready();
    }
  });
}

function report(what: string, rounds: readonly (readonly number[])[]): void {
  const sorted = rounds.flat().sort((a, b) => a - b);
  const at = (share: number): string => `${thousands(quantile(sorted, share))} ms`;
  const worst = rounds.map((pauses) => thousands(Math.max(...pauses))).join(', ');
  console.log(
    `${what}: pause of a partition p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}, of ${sorted.length}; ` +
      `the longest of each round ${worst}`,
  );
}

function isScenario(word: string): word is Scenario {
  return word in SCENARIOS;
}

if (values.help) console.log(HELP);
else {
  const unknown = positionals.find((word) => !isScenario(word));
  if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}: see --help`);
  const scenarios = positionals.filter(isScenario);
  // The default of brokers. A member that joins an empty group waits this long for others.
  const brokerConfig = { 'group.initial.rebalance.delay.ms': '3000' };
  const wanted = scenarios.length > 0 ? scenarios : (Object.keys(SCENARIOS) as Scenario[]);
  await onCluster(
    (cluster) => bench(cluster, wanted),
    () => startOwnCluster({ profile: 'bench', brokerConfig }),
  );
}
