/** What keeps one partition, from its assignment to its revocation. */
export interface Task {
  /** Lets what is under way finish, then closes. Await `ended`. */
  stop(): void;
  /** Resolves when the task has released everything. */
  readonly ended: Promise<void>;
}

/**
 * The partitions assigned, each with its task. Those kept at a rebalance go on untouched. A partition that comes back
 * while its former task still lets go starts after that has ended, for the two would share a folder.
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

  /** Undefined while the former task of an assigned partition is still closing. */
  task(partition: number): T | undefined {
    return this.#tasks.get(partition);
  }

  /** The outcome of a rebalance: all partitions from now on. */
  assign(partitions: readonly number[]): void {
    if (this.#closed) return;
    this.#assigned = new Set(partitions);
    for (const [partition, task] of [...this.#tasks]) if (!this.#assigned.has(partition)) this.#letGo(partition, task);
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

  #letGo(partition: number, task: T): void {
    this.#tasks.delete(partition);
    task.stop();
    const ended = task.ended.then(() => {
      this.#ending.delete(partition);
      if (this.#assigned.has(partition)) this.#start(partition);
    });
    this.#ending.set(partition, ended);
  }
}
