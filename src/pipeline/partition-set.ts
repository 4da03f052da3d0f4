import type { CommittedRows } from '../store/committed-rows.js';
import type { PipelineContext } from './context.js';
import type { PartitionStatus } from './observer.js';
import { PartitionTask } from './partition-task.js';
import { TaskSet } from './task-set.js';

/**
 * The partitions assigned to this instance. At a rebalance, the partitions that stay here keep running. The
 * transactional fence, and not the rebalance, prevents two owners from writing.
 */
export class PartitionSet {
  readonly #tasks: TaskSet<PartitionTask>;

  constructor(context: PipelineContext) {
    this.#tasks = new TaskSet((partition) => new PartitionTask(context, partition));
  }

  /** Takes the outcome of a rebalance: all partitions that this instance runs from now on. */
  assign(partitions: readonly number[]): void {
    this.#tasks.assign(partitions);
  }

  /** Partition -> status, for all assigned partitions. */
  statuses(): Map<number, PartitionStatus> {
    const waiting: PartitionStatus = { state: 'waiting', reason: 'its previous task is still closing' };
    return new Map([...this.#tasks.assigned].map((p) => [p, this.#tasks.task(p)?.status ?? waiting]));
  }

  /**
   * The committed rows of an assigned partition; null while its rows do not match the committed log. The caller must
   * close them.
   *
   * @throws StoreUnavailableError
   */
  committed(partition: number): CommittedRows | null {
    return this.#tasks.task(partition)?.committed() ?? null;
  }

  get size(): number {
    return this.#tasks.assigned.size;
  }

  /** Finishes every batch in progress and closes everything. */
  close(): Promise<void> {
    return this.#tasks.close();
  }
}
