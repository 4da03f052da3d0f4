/** A task for one partition, from its assignment to its revocation. */
export interface Task {
  /** Finishes the work in progress, then closes. Await `ended`. */
  stop(): void;
  /** Resolves when the task has released everything. */
  readonly ended: Promise<void>;
}

/**
 * The assigned partitions, each with its task. Partitions that stay assigned at a rebalance keep running. If a
 * partition is assigned again while its previous task is still closing, the new task starts after that. Otherwise the
 * two would share a folder.
 */
export class TaskSet<T extends Task> {
  readonly #tasks = new Map<number, T>();
  readonly #ending = new Map<number, Promise<void>>();
  #assigned: ReadonlySet<number> = new Set();
  #closed = false;

  /** @param begin starts the task of a partition */
  constructor(private readonly begin: (partition: number) => T) {}

  get assigned(): ReadonlySet<number> {
    return this.#assigned;
  }

  /** Undefined while the previous task of an assigned partition is still closing. */
  task(partition: number): T | undefined {
    return this.#tasks.get(partition);
  }

  /** Takes the outcome of a rebalance: all partitions from now on. */
  assign(partitions: readonly number[]): void {
    if (this.#closed) return;
    this.#assigned = new Set(partitions);
    for (const [partition, task] of [...this.#tasks])
      if (!this.#assigned.has(partition)) this.#stopTask(partition, task);
    for (const partition of partitions) this.#start(partition);
  }

  /** Resolves when every task has ended. */
  async close(): Promise<void> {
    this.assign([]);
    this.#closed = true;
    await Promise.all(this.#ending.values());
  }

  #start(partition: number): void {
    if (this.#tasks.has(partition) || this.#ending.has(partition)) return;
    this.#tasks.set(partition, this.begin(partition));
  }

  #stopTask(partition: number, task: T): void {
    this.#tasks.delete(partition);
    task.stop();
    const ended = task.ended.then(() => {
      this.#ending.delete(partition);
      if (this.#assigned.has(partition)) this.#start(partition);
    });
    this.#ending.set(partition, ended);
  }
}
