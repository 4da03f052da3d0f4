/** STATE_DIR with a time limit for each call: a volume that hangs causes an error instead of silence. */
import type { Clock } from '../lib/clock.js';
import { CALL_DEADLINE_MS, CallDeadline, OPEN_DEADLINE_MS } from './call-deadline.js';
import type {
  KeyChange,
  KeyValueReads,
  KeyValueStore,
  Pair,
  StateDirectory,
  StoreSnapshot,
} from './key-value-store.js';

/**
 * The underlying directory keeps the order of a folder's users, however long a user takes. If this class stops waiting
 * for a call, the call keeps its place in that order until it returns. So a folder never has two users.
 */
export class TimedStateDirectory implements StateDirectory {
  readonly #deadlines = new Map<number, CallDeadline>();

  constructor(
    private readonly directory: StateDirectory,
    private readonly clock: Clock,
  ) {}

  /** The time since the oldest call in progress of all partitions began, as in CallDeadline. */
  get longestMs(): number {
    return [...this.#deadlines.values()].reduce((longest, { longestMs }) => Math.max(longest, longestMs), 0);
  }

  async open(partition: number): Promise<KeyValueStore> {
    const deadline = this.#deadlineOf(partition);
    let opening: Promise<KeyValueStore> | undefined;
    try {
      const open = () => (opening = this.directory.open(partition));
      const store = await deadline.within(OPEN_DEADLINE_MS, `opening ${nameOf(partition)}`, open);
      return new TimedStore(store, deadline, nameOf(partition));
    } catch (error) {
      // If the store opens later anyway, it has no user any more.
      opening?.then((store) => store.close()).catch(() => undefined);
      throw error;
    }
  }

  setAside(partition: number, why: string, store?: KeyValueStore): Promise<void> {
    const inner = store instanceof TimedStore ? store.store : store;
    const setAside = () => this.directory.setAside(partition, why, inner);
    return this.#deadlineOf(partition).within(OPEN_DEADLINE_MS, `renaming ${nameOf(partition)}`, setAside);
  }

  readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null> {
    const readSetAside = () => this.directory.readSetAside(partition, read);
    const doing = `reading the folder of ${nameOf(partition)} that was set aside`;
    return this.#deadlineOf(partition).within(OPEN_DEADLINE_MS, doing, readSetAside);
  }

  #deadlineOf(partition: number): CallDeadline {
    let deadline = this.#deadlines.get(partition);
    if (deadline === undefined) {
      deadline = new CallDeadline(this.clock);
      this.#deadlines.set(partition, deadline);
    }
    return deadline;
  }
}

class TimedReads<T extends KeyValueReads> implements KeyValueReads {
  constructor(
    readonly store: T,
    protected readonly deadline: CallDeadline,
    protected readonly name: string,
  ) {}

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.reading(() => this.store.read(keys));
  }

  scan(prefix: Buffer, limit?: number): Promise<Pair[]> {
    return this.reading(() => this.store.scan(prefix, limit));
  }

  protected reading<R>(read: () => Promise<R>): Promise<R> {
    return this.deadline.within(CALL_DEADLINE_MS, `reading ${this.name}`, read);
  }
}

class TimedStore extends TimedReads<KeyValueStore> implements KeyValueStore {
  #closed: Promise<void> | undefined;

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.reading(() => this.store.page(prefix, after, limit));
  }

  write(changes: readonly KeyChange[]): Promise<void> {
    return this.deadline.within(CALL_DEADLINE_MS, `writing to ${this.name}`, () => this.store.write(changes));
  }

  snapshot(): StoreSnapshot {
    this.deadline.mustAnswer();
    return new TimedSnapshot(this.store.snapshot(), this.deadline, this.name);
  }

  /** Starts closing in any case: the folder becomes free when a call that hangs has returned. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #close(): Promise<void> {
    const closing = this.store.close();
    closing.catch(() => undefined); // Avoids an unhandled rejection: the caller may have stopped waiting.
    return this.deadline.within(OPEN_DEADLINE_MS, `closing ${this.name}`, () => closing);
  }
}

class TimedSnapshot extends TimedReads<StoreSnapshot> implements StoreSnapshot {
  async *pairs(prefix: Buffer): AsyncGenerator<Pair, void, undefined> {
    const pairs = this.store.pairs(prefix)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.reading(() => pairs.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      pairs.return?.().catch(() => undefined); // Does not wait for a call that hangs.
    }
  }

  /** As for the store, starts closing in any case. */
  close(): Promise<void> {
    const closing = this.store.close();
    closing.catch(() => undefined);
    return this.deadline.within(OPEN_DEADLINE_MS, `closing a snapshot of ${this.name}`, () => closing);
  }
}

function nameOf(partition: number): string {
  return `partition-${partition}`;
}
