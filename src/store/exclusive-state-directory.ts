/** Gives a partition's folder one user at a time: an owner, a standby, or the sweep that removes it. */
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyChange,
  type KeyValueReads,
  type KeyValueStore,
  type Pair,
  type StateDirectory,
  type StoreSnapshot,
} from './key-value-store.js';

/** A user of the folder, active or waiting. */
interface User {
  /** Whether the user needs the store, so it can take over the open store of the previous user. */
  readonly wantsStore: boolean;
  /** Starts the user's turn. @param left the store that the previous user left open, or null */
  readonly begin: (left: KeyValueStore | null) => void;
}

/**
 * If another user waits to open the store when it is closed, hands the open store to that user. Otherwise RocksDB would
 * read its own log again: that takes seconds if many standbys become owners at once. After an error the store is not
 * handed on: only opening it again shows what the failed call did.
 */
export class ExclusiveStateDirectory implements StateDirectory {
  /** Partition -> its users in line; the first one is active. */
  readonly #lines = new Map<number, User[]>();

  constructor(private readonly directory: StateDirectory) {}

  /**
   * Waits until the partition's previous store is closed. If the store is corrupt, `open` still succeeds, and reads of
   * the store throw.
   */
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

  /** If `store` is not given, waits until the folder has no user. */
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

  /** Only the active user of the partition sets its folder aside. So no other user changes which folder was the last. */
  readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null> {
    return this.directory.readSetAside(partition, read);
  }

  /** Runs `work` while the folder has no user. @returns false, without running it, if the folder is in use */
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

  /** Ends the turn of the active user. */
  #pass(partition: number, store: KeyValueStore | null): void {
    const line = this.#lines.get(partition) ?? [];
    line.shift();
    if (line.length === 0) this.#lines.delete(partition);
    line[0]?.begin(store);
  }
}

/** A store that one user has now. */
class PassedStore implements KeyValueStore {
  readonly #inFlight = new Set<Promise<unknown>>();
  #failed = false;
  #closed: Promise<void> | undefined;

  /** @param pass called once, with the open store if the next user takes it over */
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

  /**
   * Closes the store and runs `work` on its folder before the next user gets it. If closing fails, `work` does not run.
   */
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

/**
 * A store that throws `error` at each call. So if a folder is corrupt, its user still has the folder exclusively when
 * it sets it aside.
 */
function unreadable(error: unknown): KeyValueStore {
  if (!(error instanceof CorruptStoreError)) throw error;
  const fail = () => Promise.reject(error);
  const snapshot = () => {
    throw error;
  };
  return { read: fail, scan: fail, page: fail, write: fail, snapshot, close: () => Promise.resolve() };
}
