/** Notices if the input or a written topic gets more partitions while the processor runs. */
import type { Clock } from '../../lib/clock.js';
import { noAnswerIfOutage } from '../../lib/own-fault.js';
import type { LeaderDirectory } from '../connection/leader-directory.js';

export interface InputGrowthOptions {
  readonly leaders: Pick<LeaderDirectory, 'lookUp'>;
  readonly topic: string;
  /** How many partitions it had at the start. */
  readonly partitions: number;
  readonly clock: Clock;
}

/**
 * Short, because no instance reads the new partitions, and events of a company may go to a partition without its state.
 */
const LOOK_EVERY_MS = 5_000;

/** What to do if the state cannot be moved to the new partitions. */
export const BEGIN_AGAIN =
  'you must begin again on a new topic: see "The input has grown before it was consumed" in ' + 'docs/operations.md';

/** What to do if the input has more partitions than the changelog. */
export const WHAT_TO_DO_ABOUT_GROWTH =
  'If everything was consumed before the input grew, and nothing was written since, run `company-sync repartition`, which ' +
  `moves the state. Otherwise ${BEGIN_AGAIN}`;

/**
 * The input has more partitions than before. Events go to other partitions than the state of their companies, so
 * companies would be judged from only a part of their events.
 */
export class InputGrownError extends Error {
  override readonly name = 'InputGrownError';

  constructor(topic: string, from: number, to: number) {
    super(
      `input ${topic} has grown from ${from} to ${to} partitions: events now go to other partitions than the state of their ` +
        `companies, so the processor stops. ${WHAT_TO_DO_ABOUT_GROWTH}`,
    );
  }
}

/**
 * Waits until the input grows. Each look-up also refreshes the leaders and the topic id of the input. So if the topic
 * was created again, its readers end.
 * @returns the error to stop with; null when `signal` aborts
 */
export async function inputHasGrown(options: InputGrowthOptions, signal: AbortSignal): Promise<InputGrownError | null> {
  const { leaders, topic, partitions, clock } = options;
  while (!signal.aborted) {
    await clock.delay(LOOK_EVERY_MS, signal);
    // An outage of the brokers is ignored here: the readers report it.
    const found = signal.aborted ? null : await leaders.lookUp(topic).catch(noAnswerIfOutage);
    if (found !== null && found.leaders.size > partitions)
      return new InputGrownError(topic, partitions, found.leaders.size);
  }
  return null;
}

export interface OutboundGrowthOptions {
  readonly leaders: Pick<LeaderDirectory, 'lookUp'>;
  /** How many partitions each written topic had at the start. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly onGrown: (topic: string, from: number, to: number) => void;
}

/**
 * Reports each written topic that gets more partitions, until `signal` aborts. An instance that started later writes to
 * the new partitions. If this instance takes a partition over from it, it must look there for open transactions too.
 */
export async function watchOutbound(options: OutboundGrowthOptions, signal: AbortSignal): Promise<void> {
  const { leaders, clock, onGrown } = options;
  const known = new Map(options.partitions);
  while (!signal.aborted) {
    await clock.delay(LOOK_EVERY_MS, signal);
    for (const [topic, before] of known) {
      const found = signal.aborted ? null : await leaders.lookUp(topic).catch(noAnswerIfOutage);
      if (found === null || found.leaders.size <= before) continue;
      known.set(topic, found.leaders.size);
      onGrown(topic, before, found.leaders.size);
    }
  }
}
