import type { PipelineContext } from './context.js';
import { StandbyTask } from './standby-task.js';
import { TaskSet } from './task-set.js';

/**
 * The partitions that this instance keeps a standby of: their state follows the changelog on our disk, so that a
 * take-over costs the tail only. What a standby does decides nothing, and it never touches a transactional id.
 *
 * A standby that becomes ours closes its store, and the take-over opens it again: the state directory lets the one wait
 * for the other.
 */
export class StandbySet {
  readonly #tasks: TaskSet<StandbyTask>;

  constructor(context: PipelineContext) {
    this.#tasks = new TaskSet((partition) => new StandbyTask(context, partition));
  }

  /** The outcome of a rebalance: all standbys that we keep from now on. */
  assign(partitions: readonly number[]): void {
    this.#tasks.assign(partitions);
  }

  /** In no order. */
  partitions(): readonly number[] {
    return [...this.#tasks.assigned];
  }

  /** Closes all stores. */
  close(): Promise<void> {
    return this.#tasks.close();
  }
}
