/** A partition's folder has one user at a time: an owner, a standby, or the sweep that removes it. */
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyChange,
  type KeyValueStore,
  type Pair,
  type StateDirectory,
  type StoreSnapshot,
} from './key-value-store.js';

/** Someone who uses the folder, or waits to. */
interface User {
  /** It wants the store, and takes it as the one before leaves it. */
  readonly wantsStore: boolean;
  /** Its turn has come. @param left the store that the user before has left open */
  readonly begin: (left: KeyValueStore | null) => void;
}

/**
 * A store that is closed while somebody waits to open it is passed on as it is: RocksDB would read its own log again,
 * for seconds where many standbys become owners at once. Not after an error: only opening it again tells what it did.
 */
export class ExclusiveStateDirectory implements StateDirectory {
  /** Partition -> its users in line; the first one is at work. */
  readonly #lines = new Map<number, User[]>();

  constructor(private readonly directory: StateDirectory) {}

  /** Waits until the partition's former store is closed. What is corrupt is opened too, and says so when it is read. */
  async open(partition: number): Promise<KeyValueStore> {
    const left = await this.#take(partition, true);
    try {
      const store = left ?? (await this.directory.open(partition).catch(unreadable));
      const isWaitedFor = () => this.#lines.get(partition)?.[1]?.wantsStore === true;
      return new PassedStore(store, isWaitedFor, (passed) => this.#pass(partition, passed));
    } catch (error) {
      this.#pass(partition, null);
      throw error;
    }
  }

  /** Without a store: waits until nobody has one. */
  async setAside(partition: number, why: string, store?: KeyValueStore): Promise<void> {
    const setAside = () => this.directory.setAside(partition, why);
    if (store instanceof PassedStore) return store.closeAnd(setAside);
    await this.#take(partition, false);
    try {
      await setAside();
    } finally {
      this.#pass(partition, null);
    }
  }

  /** Runs `work` while nobody can use the folder. @returns false, without having run it, where someone uses it */
  async ifUnused(partition: number, work: () => Promise<void>): Promise<boolean> {
    if (this.#lines.has(partition)) return false;
    await this.#take(partition, false);
    try {
      await work();
    } finally {
      this.#pass(partition, null);
    }
    return true;
  }

  #take(partition: number, wantsStore: boolean): Promise<KeyValueStore | null> {
    return new Promise((begin) => {
      const line = this.#lines.get(partition) ?? [];
      this.#lines.set(partition, line);
      line.push({ wantsStore, begin });
      if (line.length === 1) begin(null);
    });
  }

  /** The first in line is done. */
  #pass(partition: number, store: KeyValueStore | null): void {
    const line = this.#lines.get(partition) ?? [];
    line.shift();
    if (line.length === 0) this.#lines.delete(partition);
    line[0]?.begin(store);
  }
}

/** A store in the hands of one user. */
class PassedStore implements KeyValueStore {
  readonly #inFlight = new Set<Promise<unknown>>();
  #failed = false;
  #closed: Promise<void> | undefined;

  /** @param pass called once, with the store where it is left open for the next one */
  constructor(
    private readonly store: KeyValueStore,
    private readonly isWaitedFor: () => boolean,
    private readonly pass: (store: KeyValueStore | null) => void,
  ) {}

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.#noticing(() => this.store.read(keys));
  }

  scan(prefix: Buffer, limit?: number): Promise<Pair[]> {
    return this.#noticing(() => this.store.scan(prefix, limit));
  }

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.#noticing(() => this.store.page(prefix, after, limit));
  }

  write(changes: readonly KeyChange[]): Promise<void> {
    return this.#noticing(() => this.store.write(changes));
  }

  snapshot(): StoreSnapshot {
    this.#mustBeOpen();
    return this.store.snapshot();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close(null);
    return this.#closed;
  }

  /** Closes the store and runs `work` on its folder before the next one has it. Not where closing fails. */
  async closeAnd(work: () => Promise<void>): Promise<void> {
    this.#mustBeOpen();
    this.#closed = this.#close(work);
    await this.#closed;
  }

  async #close(work: (() => Promise<void>) | null): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    if (work === null && this.isWaitedFor() && !this.#failed) {
      this.pass(this.store);
      return;
    }
    try {
      await this.store.close();
      await work?.();
    } finally {
      this.pass(null);
    }
  }

  async #noticing<T>(ask: () => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    const answer = ask();
    this.#inFlight.add(answer);
    try {
      return await answer;
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#inFlight.delete(answer);
    }
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new StoreUnavailableError('the store is closed');
  }
}

/** So that who finds a folder corrupt still has it to itself when setting it aside. */
function unreadable(error: unknown): KeyValueStore {
  if (!(error instanceof CorruptStoreError)) throw error;
  const fail = () => Promise.reject(error);
  const snapshot = () => {
    throw error;
  };
  return { read: fail, scan: fail, page: fail, write: fail, snapshot, close: () => Promise.resolve() };
}
