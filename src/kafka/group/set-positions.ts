/**
 * Sets the group's offset of blocked partitions to a value that the check of the next take-over accepts. No instance
 * may run meanwhile.
 *
 * It fences no producer. So a former owner that is frozen can still commit a transaction that it has begun. That commit
 * moves its state and the group's offset together. In any case, the next take-over checks again. So a partition never
 * runs from a wrong position: at worst it is blocked as before.
 */
import { judgePositions, type Choice, type Judgement, type Target } from '../../pipeline/position-choices.js';
import { readPositions, type FoundPositions, type PositionSources } from './partition-positions.js';
import { stopFirst, type StoppedGroup } from './stopped-group.js';

/** The positions cannot be set now. The message says why, and what to do. */
export class PositionsRefusedError extends Error {
  override readonly name = 'PositionsRefusedError';
}

export interface SetPositionsPorts extends PositionSources {
  readonly applicationId: string;
  readonly group: Pick<StoppedGroup, 'members' | 'setOffsets'>;
  readonly report: (line: string) => void;
  /** Asks the operator whether to do what was reported. */
  readonly consent: (partitions: number) => Promise<boolean>;
}

interface Planned {
  readonly positions: FoundPositions;
  readonly choice: Choice;
}

/**
 * Reports the choices for each partition, and sets the positions after the operator's consent.
 *
 * @param target null only reports the choices
 * @returns whether each of `partitions` runs at the next start
 * @throws PositionsRefusedError, and what the ports throw
 */
export async function setPositions(
  ports: SetPositionsPorts,
  partitions: readonly number[],
  target: Target | null,
): Promise<boolean> {
  const { report } = ports;
  await mustBeStopped(ports);
  const found = await readPositions(ports, partitions, false);
  let isLeft = false;
  const plan: Planned[] = [];
  for (const positions of found) {
    const judgement = judgePositions(positions);
    const choice = judgement.choices.find((candidate) => candidate.target === target);
    if (judgement.startsAt === null && choice === undefined) isLeft = true;
    for (const line of describe(positions, judgement, target)) report(line);
    if (choice !== undefined) plan.push({ positions, choice });
  }
  if (plan.length === 0) return !isLeft;
  for (const { positions } of plan) mustBeDecided(ports, positions);
  if (!(await ports.consent(plan.length))) {
    report('nothing was changed. To set the offsets without a question, pass --yes');
    return false;
  }
  await mustBeAsPlanned(ports, plan);
  await write(ports, plan);
  return !isLeft;
}

async function mustBeStopped({ group, applicationId }: SetPositionsPorts): Promise<void> {
  const members = await group.members();
  if (members.length > 0) throw new PositionsRefusedError(stopFirst(applicationId, members));
}

/**
 * Refuses positions that may change: if a transaction is open, or if too few brokers answer. A broker that is cut off
 * may lack records.
 */
function mustBeDecided({ changelog, input }: SetPositionsPorts, { partition, openFrom, byMost }: FoundPositions): void {
  if (!byMost)
    throw new PositionsRefusedError(
      `too few brokers answer to know who leads ${input}/${partition} and ${changelog}/${partition}, so these numbers may ` +
        'be old. Run `company-sync positions set` again when more than half of the brokers answer',
    );
  if (openFrom === null) return;
  throw new PositionsRefusedError(
    `a transaction is open in ${changelog}/${partition} from offset ${openFrom} on, so the positions may still change. ` +
      'Start an instance: it ends the transaction. Stop the instance, and run `company-sync positions set` again',
  );
}

function describe(
  { partition, committed }: FoundPositions,
  { verdict, startsAt, choices, remedy }: Judgement,
  target: Target | null,
): string[] {
  const name = `partition ${partition}: ${verdict}`;
  if (startsAt !== null && !choices.some((choice) => choice.target === target))
    return [`${name}: nothing to set, it continues from offset ${startsAt}`];
  if (remedy !== null) return [`${name}: not set: ${remedy}`];
  return choices.map((choice) =>
    target === null || choice.target === target
      ? `${name}: --to ${choice.target} ${effectOf(choice, committed)}. ${choice.loses}`
      : `${name}: not set: --to ${target} is not possible, but --partition ${partition} --to ${choice.target} is`,
  );
}

function effectOf({ offset }: Choice, committed: number | null): string {
  return `sets the group's offset, which is ${committed ?? 'missing'}, to ${offset}`;
}

/** Checks again, because the operator may have taken a long time to answer. */
async function mustBeAsPlanned(ports: SetPositionsPorts, plan: readonly Planned[]): Promise<void> {
  await mustBeStopped(ports);
  const partitions = plan.map(({ positions }) => positions.partition);
  const now = await readPositions(ports, partitions, false);
  plan.forEach(({ choice }, i) => {
    const positions = now[i] as FoundPositions;
    mustBeDecided(ports, positions);
    const again = judgePositions(positions).choices.find(({ target }) => target === choice.target);
    if (again?.offset !== choice.offset || again.startsAt !== choice.startsAt)
      throw new PositionsRefusedError(
        `partition ${positions.partition} has changed meanwhile, so nothing was set: run \`company-sync positions show\` again`,
      );
  });
}

async function write({ group, input, report }: SetPositionsPorts, plan: readonly Planned[]): Promise<void> {
  await group.setOffsets(input, new Map(plan.map(({ positions, choice }) => [positions.partition, choice.offset])));
  for (const { positions, choice } of plan)
    report(
      `partition ${positions.partition}: the group's offset is set to ${choice.offset}; ` +
        `the next start continues from offset ${choice.startsAt}`,
    );
}
