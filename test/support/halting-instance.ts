/** Instances that halt by themselves. */
import { join } from 'node:path';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import type { Deployment } from '../../testkit/deployment.js';
import { HALTING, type HaltPlan } from './halt-plan.js';
import type { LogLine, Processor, Processors } from '../../testkit/processor.js';

/** More than a start and a few batches take on a busy machine. */
const MOMENT_TIMEOUT_MS = 60_000;

/** @param stateDir a new folder if it is not given */
export function startHalting(
  processors: Processors,
  deployment: Deployment,
  plan: HaltPlan,
  stateDir = processors.newFolder(),
): Processor {
  const program = ['--import', 'tsx', join(__dirname, 'crashing-instance.ts'), JSON.stringify(plan)];
  return processors.start(deployment, { stateDir, program });
}

/**
 * Resolves once the process has ended.
 *
 * @throws Error if the process ended in another way than by its plan, or did not end
 */
export async function killedItself(processor: Processor): Promise<void> {
  const gone = pollUntil(() => Promise.resolve(!processor.running), {
    awaited: 'the instance kills itself as planned',
    timeoutMs: MOMENT_TIMEOUT_MS,
  });
  await gone.catch((cause: Error) => {
    throw new Error(`${cause.message}; its log ends with\n${processor.logTail()}`, { cause });
  });
  if (!processor.log.some(isHalting))
    throw new Error(`the instance ended before its moment; its log ends with\n${processor.logTail()}`);
}

/**
 * Resolves once the process is frozen; it stays frozen until it gets SIGCONT.
 *
 * @returns the partition whose batch is in progress
 */
export async function frozeItself(processor: Processor): Promise<number> {
  const { partition } = await processor.logged(isHalting, 'it halts as planned');
  return partition as number;
}

function isHalting({ msg }: LogLine): boolean {
  return msg === HALTING;
}
