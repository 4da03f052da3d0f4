import type { BatchStep } from '../pipeline/observer.js';

/** What each step waits for: where that is more than one, for the last of them. */
const AFTER: Readonly<Partial<Record<BatchStep, readonly BatchStep[]>>> = {
  decided: ['fetched'],
  begun: ['decided'],
  applied: ['decided'],
  produced: ['begun', 'applied'],
  'offset-sent': ['begun', 'applied'],
  committed: ['produced', 'offset-sent'],
};

/** How long each step of a partition's transactions took, made of the moments at which they ended. */
export class StepTimes {
  readonly #ended = new Map<number, Map<BatchStep, number>>();

  constructor(
    private readonly nowMs: () => number,
    private readonly tell: (step: BatchStep, durationMs: number) => void,
  ) {}

  /** A step that nothing is known before, as after an error, is not timed. */
  note(partition: number, step: BatchStep): void {
    const now = this.nowMs();
    let ended = this.#ended.get(partition);
    if (ended === undefined) this.#ended.set(partition, (ended = new Map<BatchStep, number>()));
    // A batch that failed leaves steps behind, and one that was confirmed has nothing more to do with the next.
    if (step === 'fetched' || step === 'confirmed') ended.clear();
    if (step === 'confirmed') return;
    ended.set(step, now);
    let from = -1;
    for (const before of AFTER[step] ?? []) {
      const at = ended.get(before);
      if (at === undefined) return;
      if (at > from) from = at;
    }
    if (from >= 0) this.tell(step, now - from);
  }
}
