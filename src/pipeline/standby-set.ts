import type { PipelineContext } from './context.js';
import { StandbyTask } from './standby-task.js';
import { TaskSet } from './task-set.js';

/**
 * The partitions that this instance keeps a standby of. Their state on this disk follows the changelog, so a take-over
 * only replays the rest. A standby decides nothing, and never uses a transactional id.
 *
 * When this instance becomes the owner, the standby releases its store to the take-over. The state directory makes the
 * take-over wait for the standby.
 */
export class StandbySet {
  readonly #tasks: TaskSet<StandbyTask>;

  constructor(context: PipelineContext) {
    this.#tasks = new TaskSet((partition) => new StandbyTask(context, partition));
  }

  /** Takes the outcome of a rebalance: all standbys that this instance keeps from now on. */
  assign(partitions: readonly number[]): void {
    this.#tasks.assign(partitions);
  }

  /** The partitions, unordered. */
  partitions(): readonly number[] {
    return [...this.#tasks.assigned];
  }

  /** Closes all stores. */
  close(): Promise<void> {
    return this.#tasks.close();
  }
}
