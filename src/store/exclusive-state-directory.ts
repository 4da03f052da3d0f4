/** A partition's folder has one user at a time, whoever that is: an owner, a standby, or whoever removes it. */
import type { KeyChange, KeyValueStore, Pair, StateDirectory, StoreSnapshot } from './key-value-store.js';

export class ExclusiveStateDirectory implements StateDirectory {
  /** Partition -> when its last user in line is done. */
  readonly #users = new Map<number, Promise<void>>();

  constructor(private readonly directory: StateDirectory) {}

  /** Waits until the partition's former store is closed. */
  async open(partition: number): Promise<KeyValueStore> {
    const release = await this.#take(partition);
    try {
      return new ReleasingStore(await this.directory.open(partition), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** For the former user: the store is closed, and nobody can have opened the folder since. */
  async setAside(partition: number, why: string): Promise<void> {
    const release = await this.#take(partition);
    try {
      await this.directory.setAside(partition, why);
    } finally {
      release();
    }
  }

  /** Runs `work` while nobody can use the folder. @returns false, without having run it, where someone uses it */
  async ifUnused(partition: number, work: () => Promise<void>): Promise<boolean> {
    if (this.#users.has(partition)) return false;
    const release = await this.#take(partition);
    try {
      await work();
    } finally {
      release();
    }
    return true;
  }

  async #take(partition: number): Promise<() => void> {
    const former = this.#users.get(partition);
    let release: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (release = resolve));
    const mine = (former ?? Promise.resolve()).then(() => done);
    this.#users.set(partition, mine);
    await former;
    return () => {
      release();
      if (this.#users.get(partition) === mine) this.#users.delete(partition);
    };
  }
}

class ReleasingStore implements KeyValueStore {
  constructor(
    private readonly store: KeyValueStore,
    private readonly release: () => void,
  ) {}

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.store.read(keys);
  }

  scan(prefix: Buffer, limit?: number): Promise<Pair[]> {
    return this.store.scan(prefix, limit);
  }

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.store.page(prefix, after, limit);
  }

  write(changes: readonly KeyChange[]): Promise<void> {
    return this.store.write(changes);
  }

  snapshot(): StoreSnapshot {
    return this.store.snapshot();
  }

  async close(): Promise<void> {
    await this.store.close();
    this.release();
  }
}
