/** Notices that the input has got more partitions while the processor runs. */
import type { Clock } from '../../lib/clock.js';
import { noAnswerIfOutage } from '../../lib/own-fault.js';
import type { LeaderDirectory } from '../connection/leader-directory.js';

export interface InputGrowthOptions {
  readonly leaders: Pick<LeaderDirectory, 'lookUp'>;
  readonly topic: string;
  /** Partitions that it had at the start. */
  readonly partitions: number;
  readonly clock: Clock;
}

/** Short, for what is written to the new partitions is not read, and companies may go on where they have no state. */
const LOOK_EVERY_MS = 5_000;

/** Where the state cannot be moved to the new partitions. */
export const BEGIN_ANEW =
  'only a new beginning is left, which announces companies again: see "The input has grown before it was consumed" in ' +
  'docs/operations.md';

/** For an input that has more partitions than the changelog. */
export const WHAT_TO_DO_ABOUT_GROWTH =
  'If all was consumed before it grew and nothing was written since, `company-sync repartition` moves the state; else ' +
  BEGIN_ANEW;

/** Keys go to other partitions now than their state is in, so that running on would judge companies by a part of them. */
export class InputGrownError extends Error {
  override readonly name = 'InputGrownError';

  constructor(topic: string, from: number, to: number) {
    super(
      `input ${topic} has grown from ${from} to ${to} partitions: companies are written to other partitions than those ` +
        `that their state is in, so the processor stops. ${WHAT_TO_DO_ABOUT_GROWTH}`,
    );
  }
}

/**
 * Also refreshes what readers know of the input's leaders and of its topic id: a topic that was created again ends them.
 * @returns the error to stop with; null when `signal` aborts
 */
export async function inputHasGrown(options: InputGrowthOptions, signal: AbortSignal): Promise<InputGrownError | null> {
  const { leaders, topic, partitions, clock } = options;
  while (!signal.aborted) {
    await clock.delay(LOOK_EVERY_MS, signal);
    // If the brokers are away, the readers report it.
    const found = signal.aborted ? null : await leaders.lookUp(topic).catch(noAnswerIfOutage);
    if (found !== null && found.leaders.size > partitions)
      return new InputGrownError(topic, partitions, found.leaders.size);
  }
  return null;
}
