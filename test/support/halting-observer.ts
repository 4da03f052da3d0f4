import type { Logger } from 'pino';
import type { BatchStep, PipelineObserver } from '../../src/pipeline/observer.js';
import { HALTING, type HaltPlan } from './halt-plan.js';

/** Sends the plan's signal to the process, once, at the plan's moment. No other code runs in between. */
export function haltingObserver(plan: HaltPlan, logger: Logger): Pick<PipelineObserver, 'step' | 'restore'> {
  const batches = new Map<number, BatchSteps>();
  const parts = new Map<number, number>();
  let halted = false;
  const halt = (partition: number): void => {
    if (halted) return;
    halted = true;
    logger.info({ ...plan, partition }, HALTING);
    process.kill(process.pid, plan.signal);
  };
  return {
    restore(partition, { position, end }) {
      if (plan.moment !== 'replayed' || (plan.partition !== null && plan.partition !== partition)) return;
      const part = (parts.get(partition) ?? 0) + 1;
      parts.set(partition, part);
      if (part === plan.batch && position < end) halt(partition);
    },
    step(partition, step) {
      if (plan.partition !== null && plan.partition !== partition) return;
      let steps = batches.get(partition);
      if (steps === undefined) batches.set(partition, (steps = new BatchSteps()));
      const readyToCommit = steps.note(step);
      if (steps.batch !== plan.batch) return;
      // The commit is sent within the next microtasks. Its answer can be seen only after the next poll.
      if (plan.moment === 'commit-sent') {
        if (readyToCommit) setImmediate(halt, partition);
      } else if (step === plan.moment) halt(partition);
    },
  };
}

/** The progress of one partition's batches. */
class BatchSteps {
  batch = 0;
  readonly #seen = new Set<BatchStep>();

  /** @returns whether this was the last step before the commit */
  note(step: BatchStep): boolean {
    if (step === 'fetched') {
      this.batch++;
      this.#seen.clear();
    }
    this.#seen.add(step);
    const isLast = step === 'produced' || step === 'offset-sent';
    return isLast && this.#seen.has('produced') && this.#seen.has('offset-sent');
  }
}
