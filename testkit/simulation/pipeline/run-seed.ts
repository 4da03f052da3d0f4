/** One run: a seed decides the history, the instances, the faults, and the order of everything. */
import { SeededRandom } from '../../seeded-random.js';
import type { AuditInput } from '../../audit/audit-topics.js';
import type { PlannedFault } from '../fault-plan.js';
import { NOTHING, type LeftOut } from '../left-out.js';
import { anomaliesOf, differencesOf, topicsOf } from './check.js';
import { CUT_RATE, Faults } from './faults.js';
import { choicesOf, historyOf, hurried, planRecords } from './history.js';
import { Instance } from './instance.js';
import { PARTITION, TOPICS, World } from './world.js';

/** What a run had to do, with what is left out. */
export interface Plan {
  readonly faults: readonly PlannedFault[];
  /** How many records the history has. */
  readonly history: number;
}

export interface RunResult {
  readonly seed: number;
  /** One text for each; empty if the run was right. */
  readonly anomalies: readonly string[];
  readonly plan: Plan;
  readonly steps: number;
  readonly records: number;
  readonly announced: number;
  /** What the topics have at the end. */
  readonly topics: AuditInput;
  /** Null unless asked for. */
  readonly trace: readonly string[] | null;
}

/** The history is written in this time, and a part of it after the last fault. */
const MAX_WRITING_MS = 40_000;
/** Longer than the longest wait of a partition that waits for an operator. */
const MAX_SETTLING_MS = 1_800_000;
/** After this time without records, every instance knows what the group has said, and the disks are up to date. */
const IDLE_MS = 20_000;
const MAX_STEPS = 300_000;
/** The instances of one group may differ in it. */
export const COMMIT_INTERVALS_MS = [0, 20, 1_000];

export async function runSeed(
  seed: number,
  { isTraced = false, leftOut = NOTHING }: { isTraced?: boolean; leftOut?: LeftOut } = {},
): Promise<RunResult> {
  const world = new World(seed, isTraced);
  const { random, time } = world;
  const choices = choicesOf(random);
  const ofIntervals = new SeededRandom(seed + 9_000_011);
  const policyOf = (clientId: string) => choices.get(clientId);
  const count = random.integer(1, 3);
  const instances = Array.from(
    { length: count },
    (_, i) => new Instance(world, `instance-${i}`, random.chance(0.5), policyOf, ofIntervals.pick(COMMIT_INTERVALS_MS)),
  );
  const history = historyOf(random, PARTITION);
  const faults = new Faults(world, instances, new SeededRandom(seed + 9_000_023).chance(CUT_RATE));
  const anomalies: string[] = [];

  for (const instance of instances) instance.start();
  faults.rebalance(random);
  const writingMs = random.pick([2_000, 10_000, MAX_WRITING_MS]);
  const records = planRecords(random, history, writingMs, leftOut);
  const faultyMs = random.integer(0, writingMs);
  for (const { number, draft, afterMs } of records)
    time.after(hurried(afterMs, writingMs, faultyMs), () => {
      const offset = world.input.append([draft.make(time.now())], false) - 1;
      draft.written(offset);
      world.trace('platform', `writes record ${number} at input offset ${offset}`);
    });
  const plan = { faults: faults.begin(time.elapsed() + faultyMs, leftOut), history: history.length };
  time.after(faultyMs, () => faults.end());

  const isConsumed = () =>
    time.now() >= writingEnds && world.coordinator.committed?.offset === world.input.end && isOwnerRunning(world);
  const writingEnds = time.now() + hurried(writingMs, writingMs, faultyMs);
  const deadline = writingEnds + MAX_SETTLING_MS;
  const isCutOff = () => time.now() >= writingEnds && faults.isOver && !faults.hasLostOffset && isOwnerCutOff(world);
  const until = (isDone: () => boolean) =>
    time.run(() => isDone() || isCutOff() || time.now() > deadline || world.violations.length > 0, MAX_STEPS);
  const settle = async () => {
    await until(isConsumed);
    const idleUntil = time.now() + IDLE_MS;
    // The idle owner may notice only now that its folder is damaged.
    await until(() => time.now() >= idleUntil && isConsumed());
  };
  try {
    await settle();
    // Another instance may have the rows that the changelog has lost.
    for (const instance of instances) {
      if (!isCutOff() || instance === world.group.owner) continue;
      world.group.giveTo(instance, instances, 10_000);
      await settle();
    }
    if (!isConsumed() && !isCutOff() && world.violations.length === 0) anomalies.push(stuck(world, instances));
  } catch (error) {
    anomalies.push(`${(error as Error).message}: ${stuck(world, instances)}`);
  }
  anomalies.push(...world.violations);
  const consumed = isCutOff() ? (world.coordinator.committed?.offset ?? 0) : Infinity;
  const topics = topicsOf(world, choices, consumed);
  if (anomalies.length === 0) {
    anomalies.push(...anomaliesOf(topics));
    const { owner } = world.group;
    if (owner !== null && !isCutOff())
      anomalies.push(...differencesOf(world.log(TOPICS.changelog).committed(), owner.disk));
  }
  const announced = world.log('company-synchronized').committed().length;
  return { seed, anomalies, plan, steps: time.steps, records: world.input.end, announced, topics, trace: world.lines };
}

function isOwnerRunning({ group }: World): boolean {
  return group.owner?.isRunning === true;
}

/** Whether the owner refuses a changelog that has really lost the end of a transaction. */
function isOwnerCutOff({ group, wasCut }: World): boolean {
  return wasCut && /^blocked .*\(changelog cut\)/.test(group.owner?.status ?? '');
}

function stuck(world: World, instances: readonly Instance[]): string {
  const { committed } = world.coordinator;
  const states = instances.map(({ name, status }) => `${name}: ${status}`).join('; ');
  return (
    `stuck: the group's offset is ${committed?.offset ?? 'missing'} and the input ends at ${world.input.end}; owner ` +
    `${world.group.owner?.name ?? 'none'}; ${states}`
  );
}
