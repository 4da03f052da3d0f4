import type { BatchStep } from '../pipeline/observer.js';

/** The steps that each step waits for. If there are several, it waits for the last of them. */
const AFTER: Readonly<Partial<Record<BatchStep, readonly BatchStep[]>>> = {
  decided: ['fetched'],
  begun: ['decided'],
  applied: ['decided'],
  produced: ['begun', 'applied'],
  'offset-sent': ['begun', 'applied'],
  committed: ['produced', 'offset-sent'],
};

/** Measures how long each step of a partition's transactions took, from the times at which the steps ended. */
export class StepTimes {
  readonly #ended = new Map<number, Map<BatchStep, number>>();

  constructor(
    private readonly nowMs: () => number,
    private readonly report: (step: BatchStep, durationMs: number) => void,
  ) {}

  /** A step is not timed if the step before it is unknown, for example after an error. */
  note(partition: number, step: BatchStep): void {
    const now = this.nowMs();
    let ended = this.#ended.get(partition);
    if (ended === undefined) this.#ended.set(partition, (ended = new Map<BatchStep, number>()));
    // The noted steps are those of the last batch, which has failed or is confirmed. They say nothing about the next
    // batch.
    if (step === 'fetched' || step === 'confirmed') ended.clear();
    if (step === 'confirmed') return;
    ended.set(step, now);
    let from = -1;
    for (const before of AFTER[step] ?? []) {
      const endedAt = ended.get(before);
      if (endedAt === undefined) return;
      if (endedAt > from) from = endedAt;
    }
    if (from >= 0) this.report(step, now - from);
  }
}
