import type { CommittedRows } from '../store/committed-rows.js';
import type { PipelineContext } from './context.js';
import type { PartitionStatus } from './observer.js';
import { PartitionTask } from './partition-task.js';
import { TaskSet } from './task-set.js';

/**
 * The partitions assigned to this instance. At a rebalance the partitions kept go on untouched: the transactional fence,
 * not the rebalance, is what keeps two owners apart.
 */
export class PartitionSet {
  readonly #tasks: TaskSet<PartitionTask>;

  constructor(context: PipelineContext) {
    this.#tasks = new TaskSet((partition) => new PartitionTask(context, partition));
  }

  /** The outcome of a rebalance: all partitions that are ours from now on. */
  assign(partitions: readonly number[]): void {
    this.#tasks.assign(partitions);
  }

  /** Partition -> status, of all that are assigned. */
  statuses(): Map<number, PartitionStatus> {
    const waiting: PartitionStatus = { state: 'waiting', reason: 'its former task is still closing' };
    return new Map([...this.#tasks.assigned].map((p) => [p, this.#tasks.task(p)?.status ?? waiting]));
  }

  /**
   * The committed rows of an assigned partition; null while it has none that speak for the log. Close them.
   * @throws StoreUnavailableError
   */
  committed(partition: number): CommittedRows | null {
    return this.#tasks.task(partition)?.committed() ?? null;
  }

  get size(): number {
    return this.#tasks.assigned.size;
  }

  /** Lets every batch in flight finish and closes everything. */
  close(): Promise<void> {
    return this.#tasks.close();
  }
}
