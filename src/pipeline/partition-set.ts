import type { CommittedRows } from '../store/committed-rows.js';
import type { PipelineContext } from './context.js';
import type { PartitionStatus } from './observer.js';
import { PartitionTask } from './partition-task.js';

/**
 * The partitions assigned to this instance, each with its task.
 *
 * At a rebalance the partitions kept go on untouched: the transactional fence, not the rebalance, is what keeps two
 * owners apart. A partition that comes back while its former task still lets go starts after that has ended, for the
 * two would share a folder.
 */
export class PartitionSet {
  readonly #tasks = new Map<number, PartitionTask>();
  readonly #ending = new Map<number, Promise<void>>();
  #assigned: ReadonlySet<number> = new Set();
  #closed = false;

  constructor(private readonly context: PipelineContext) {}

  /** The outcome of a rebalance: all partitions that are ours from now on. */
  assign(partitions: readonly number[]): void {
    if (this.#closed) return;
    this.#assigned = new Set(partitions);
    for (const partition of [...this.#tasks.keys()]) if (!this.#assigned.has(partition)) this.#letGo(partition);
    for (const partition of partitions) this.#start(partition);
  }

  /** Partition -> status, of all that are assigned. */
  statuses(): Map<number, PartitionStatus> {
    const waiting: PartitionStatus = { state: 'waiting', reason: 'its former task is still closing' };
    return new Map([...this.#assigned].map((p) => [p, this.#tasks.get(p)?.status ?? waiting]));
  }

  /**
   * The committed rows of an assigned partition; null while it has none that speak for the log. Close them.
   * @throws StoreUnavailableError
   */
  committed(partition: number): CommittedRows | null {
    return this.#tasks.get(partition)?.committed() ?? null;
  }

  get size(): number {
    return this.#assigned.size;
  }

  /** Lets every batch in flight finish and closes everything. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#assigned = new Set();
    for (const partition of [...this.#tasks.keys()]) this.#letGo(partition);
    await Promise.all(this.#ending.values());
  }

  #start(partition: number): void {
    if (this.#tasks.has(partition) || this.#ending.has(partition)) return;
    this.#tasks.set(partition, new PartitionTask(this.context, partition));
  }

  #letGo(partition: number): void {
    const task = this.#tasks.get(partition);
    if (task === undefined) return;
    this.#tasks.delete(partition);
    task.stop();
    const ended = task.ended.then(() => {
      this.#ending.delete(partition);
      if (!this.#closed && this.#assigned.has(partition)) this.#start(partition);
    });
    this.#ending.set(partition, ended);
  }
}
