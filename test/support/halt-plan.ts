/** A moment in a batch or in a restore at which an instance under test kills or freezes itself. */
import { BATCH_STEPS, type BatchStep } from '../../src/pipeline/observer.js';

/**
 * The steps of the batch, each after it was done, and one moment between two steps. `produced` and `offset-sent` come
 * in either order. At the first of the two, the other request is still in progress.
 */
export const BATCH_MOMENTS = [
  ...BATCH_STEPS.slice(0, BATCH_STEPS.indexOf('committed')),
  /** EndTxn was handed to the operating system, and its answer was not seen: the instance does not know the outcome. */
  'commit-sent',
  ...BATCH_STEPS.slice(BATCH_STEPS.indexOf('committed')),
] as const satisfies readonly (BatchStep | 'commit-sent')[];
export type BatchMoment = BatchStep | 'commit-sent';

export interface HaltPlan {
  /**
   * The signal that the process sends to itself. After SIGSTOP, the process continues at this moment when it receives
   * SIGCONT.
   */
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** Null for the first partition that reaches the moment. */
  readonly partition: number | null;
  /** `replayed`: one part of the changelog is in the store, and at least one more part must be read. */
  readonly moment: BatchMoment | 'replayed';
  /** The number of the partition's batch, or of that part, since the process started, from 1. */
  readonly batch: number;
  /**
   * The transaction coordinator is not told about that batch. Only for a plan with a partition, on a broker that does
   * not verify it.
   */
  readonly hidden?: true;
}

/** The message of the last log line before the signal. */
export const HALTING = 'halting as planned';
