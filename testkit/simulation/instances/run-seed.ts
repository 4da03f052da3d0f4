/** One run: a seed decides the history, the instances, the faults, and the order of everything. */
import { SeededRandom } from '../../seeded-random.js';
import { NOTHING, type LeftOut } from '../left-out.js';
import { choicesOf } from '../pipeline/history.js';
import { COMMIT_INTERVALS_MS, type Plan, type RunResult } from '../pipeline/run-seed.js';
import { anomaliesOf, countAnnounced, isAtRest, partitionsOf, stuck } from './check.js';
import { Faults } from './faults.js';
import { Instance } from './instance.js';
import { LookUps } from './look-ups.js';
import { Operator } from './operator.js';
import { Platform } from './platform.js';
import { TOPICS } from './topics.js';
import { inWorld } from './in-world.js';
import { World } from './world.js';

export interface InstancesRunResult extends Omit<RunResult, 'topics'> {
  /** Of all bytes that were sent, with their times. */
  readonly checksum: string;
  readonly simulatedMs: number;
  /** How often the operator had to act. */
  readonly operatorActs: number;
}

export interface RunOptions {
  readonly isTraced?: boolean;
  /** The kinds of faults that the run has; null if the run draws its kinds. */
  readonly faults?: readonly string[] | null;
  readonly leftOut?: LeftOut;
}

/** Longer than the longest wait of a partition that waits for an operator. */
const MAX_SETTLING_MS = 1_800_000;
/** After this time without records, every disk is up to date. */
const IDLE_MS = 5_000;
/** A reader that was interrupted counts as failing for as long as this. */
const MAX_TROUBLE_MS = 120_000;
const STOP_MS = 10_000;
/** A request that was given up may wait this long for its answer. */
const LAST_TIMER_MS = 60_000;

export async function runSeed(
  seed: number,
  { isTraced = false, faults = null, leftOut = NOTHING }: RunOptions = {},
): Promise<InstancesRunResult> {
  const world = new World(seed, new SeededRandom(seed + 4_000_037).integer(1, 3), isTraced);
  const anomalies: string[] = [];
  let plan: Plan = { faults: [], history: 0 };
  const acts = { count: 0 };
  try {
    anomalies.push(...(await inWorld(world, () => run(world, faults, leftOut, acts, (drawn) => (plan = drawn)))));
  } catch (error) {
    anomalies.push((error as Error).stack ?? String(error));
  }
  const ends = partitionsOf(world).map((partition) => world.cluster.ends(TOPICS.syncEvents, partition)?.end ?? 0);
  return {
    seed,
    anomalies: [...anomalies, ...world.violations],
    steps: world.time.steps,
    plan,
    records: ends.reduce((sum, end) => sum + end, 0),
    announced: countAnnounced(world),
    checksum: world.checksum,
    simulatedMs: world.time.elapsed(),
    operatorActs: acts.count,
    trace: world.lines,
  };
}

async function run(
  world: World,
  kinds: readonly string[] | null,
  leftOut: LeftOut,
  acts: { count: number },
  onPlanned: (plan: Plan) => void,
): Promise<string[]> {
  const { random } = world;
  const choices = choicesOf(random);
  const numStandby = random.pick(['0', '0', '1']);
  const retention = random.pick(['24h', '24h', '1m']);
  const settings = { NUM_STANDBY: numStandby, STATE_RETENTION: retention };
  const count = random.integer(1, 3);
  const ofIntervals = new SeededRandom(world.seed + 9_000_011);
  const ownSettings = () => ({ ...settings, COMMIT_INTERVAL: `${ofIntervals.pick(COMMIT_INTERVALS_MS)}ms` });
  const instances = Array.from({ length: count }, (_, i) => new Instance(world, `instance-${i}`, ownSettings()));
  const platform = new Platform(world);
  const faults = new Faults(world, instances, kinds);
  const operator = new Operator(world, instances);
  const lookUps = new LookUps(world, instances, new SeededRandom(world.seed + 7_000_003));

  await world.pass(1_000);
  platform.writeChoices(choices);
  for (const instance of instances) instance.start();
  const writingMs = random.pick([3_000, 20_000, 60_000]);
  platform.plan(writingMs, leftOut);
  const faultyMs = random.integer(Math.floor(writingMs / 3), writingMs);
  platform.begin(writingMs, faultyMs);
  lookUps.begin();
  onPlanned({ faults: faults.begin(world.time.elapsed() + faultyMs, leftOut), history: platform.records });
  await world.pass(faultyMs);
  faults.end();
  operator.begin();
  const isDone = (): boolean => platform.hasWrittenAll && !operator.isBusy && isAtRest(world, instances);
  const hasSettled = await world.pass(MAX_SETTLING_MS, isDone);
  acts.count = operator.acted;
  if (world.violations.length > 0) return [];
  if (!hasSettled) return [stuck(world, instances)];
  await world.pass(IDLE_MS);
  const isStillAtRest = await world.pass(MAX_TROUBLE_MS, () => isAtRest(world, instances));
  operator.end();
  lookUps.end();
  if (!isStillAtRest) return [`no longer at rest: ${stuck(world, instances)}`];
  return [...anomaliesOf(world, choices, instances), ...(await stopAll(world, instances))];
}

/** After a stop, a process has no timer and no connection left. */
async function stopAll(world: World, instances: readonly Instance[]): Promise<string[]> {
  let stopped = 0;
  const processes = instances.flatMap(({ process }) => process ?? []);
  for (const instance of instances) instance.stopAndStay(() => stopped++);
  if (!(await world.pass(STOP_MS, () => stopped === instances.length))) return ['a stop takes longer than it may'];
  await world.pass(LAST_TIMER_MS);
  const left = processes
    .map((process) => ({ name: process.name, timers: process.timers, open: world.network.connectionsOf(process) }))
    .filter(({ timers, open }) => timers > 0 || open > 0)
    .map(({ name, timers, open }) => `${name} has ${timers} timers and ${open} connections left`);
  for (const process of processes) process.kill();
  return left;
}
