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

  /** A step without a known step before it, as after an error, is not timed. */
  note(partition: number, step: BatchStep): void {
    const now = this.nowMs();
    let ended = this.#ended.get(partition);
    if (ended === undefined) this.#ended.set(partition, (ended = new Map<BatchStep, number>()));
    // A failed batch leaves steps behind. Steps of a confirmed batch do not matter for the next one.
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
