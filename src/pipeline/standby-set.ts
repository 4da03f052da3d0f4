import type { PipelineContext } from './context.js';
import { StandbyTask } from './standby-task.js';

/**
 * The partitions that this instance keeps a standby of: their state follows the changelog on our disk, so that a
 * take-over costs the tail only. What a standby does decides nothing, and it never touches a transactional id.
 *
 * A standby that becomes ours closes its store, and the take-over opens it again: the state directory lets the one wait
 * for the other.
 */
export class StandbySet {
  readonly #tasks = new Map<number, StandbyTask>();
  readonly #ending = new Map<number, Promise<void>>();
  #assigned: ReadonlySet<number> = new Set();
  #closed = false;

  constructor(private readonly context: PipelineContext) {}

  /** The outcome of a rebalance: all standbys that we keep from now on. */
  assign(partitions: readonly number[]): void {
    if (this.#closed) return;
    this.#assigned = new Set(partitions);
    for (const [partition, task] of [...this.#tasks]) if (!this.#assigned.has(partition)) this.#letGo(partition, task);
    for (const partition of partitions) this.#start(partition);
  }

  /** In no order. */
  partitions(): readonly number[] {
    return [...this.#assigned];
  }

  /** Closes all stores. */
  async close(): Promise<void> {
    this.assign([]);
    this.#closed = true;
    await Promise.all(this.#ending.values());
  }

  #start(partition: number): void {
    if (this.#tasks.has(partition) || this.#ending.has(partition)) return;
    this.#tasks.set(partition, new StandbyTask(this.context, partition));
  }

  #letGo(partition: number, task: StandbyTask): void {
    this.#tasks.delete(partition);
    task.stop();
    const ended = task.ended.then(() => {
      this.#ending.delete(partition);
      if (this.#assigned.has(partition)) this.#start(partition);
    });
    this.#ending.set(partition, ended);
  }
}
