/** A moment in the life of a batch, or of a restore, at which an instance under test ends or freezes itself. */
import { BATCH_STEPS, type BatchStep } from '../../src/pipeline/observer.js';

/**
 * The steps of the batch, each after it was done, and one that lies between two of them. `produced` and `offset-sent`
 * come in either order: whichever comes first is a torn moment, at which the other request is under way.
 */
export const BATCH_MOMENTS = [
  ...BATCH_STEPS.slice(0, BATCH_STEPS.indexOf('committed')),
  /** EndTxn has been handed to the operating system and its answer not been seen: nobody here knows the outcome. */
  'commit-sent',
  ...BATCH_STEPS.slice(BATCH_STEPS.indexOf('committed')),
] as const satisfies readonly (BatchStep | 'commit-sent')[];
export type BatchMoment = BatchStep | 'commit-sent';

export interface HaltPlan {
  /** What the process sends itself. After SIGSTOP it goes on from the very moment when someone sends SIGCONT. */
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** Null for whichever partition is the first to get there. */
  readonly partition: number | null;
  /** `replayed`: a part of the changelog that a restore has read is in the store, and another one is left. */
  readonly moment: BatchMoment | 'replayed';
  /** Which of the partition's batches, or of those parts, since the process started, from 1. */
  readonly batch: number;
  /** The transaction coordinator is not told of that batch: of one partition, and one that the broker does not verify. */
  readonly hidden?: true;
}

/** The message of the last log line before the signal. */
export const HALTING = 'halting as planned';
