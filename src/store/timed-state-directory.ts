/** STATE_DIR with a time limit for each call, so that a volume that hangs shows as an error and not as silence. */
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
 * The directory below keeps the order of a folder's users, however long one takes. A user that this has given up is
 * still in that order until its call has ended, so that a folder never has two users.
 */
export class TimedStateDirectory implements StateDirectory {
  readonly #deadlines = new Map<number, CallDeadline>();

  constructor(
    private readonly directory: StateDirectory,
    private readonly clock: Clock,
  ) {}

  /** As that of a CallDeadline, of all partitions. */
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
      // Opened after all, it has no user any more.
      opening?.then((store) => store.close()).catch(() => undefined);
      throw error;
    }
  }

  setAside(partition: number, why: string, store?: KeyValueStore): Promise<void> {
    const own = store instanceof TimedStore ? store.store : store;
    const setAside = () => this.directory.setAside(partition, why, own);
    return this.#deadlineOf(partition).within(OPEN_DEADLINE_MS, `renaming ${nameOf(partition)}`, setAside);
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

  /** Closing begins in any case, so that the folder is free once a call that hangs has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #close(): Promise<void> {
    const closing = this.store.close();
    closing.catch(() => undefined); // Nobody may wait for it.
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
      pairs.return?.().catch(() => undefined); // A call that hangs need not be waited for.
    }
  }

  /** As that of the store, closing begins in any case. */
  close(): Promise<void> {
    const closing = this.store.close();
    closing.catch(() => undefined);
    return this.deadline.within(OPEN_DEADLINE_MS, `closing a snapshot of ${this.name}`, () => closing);
  }
}

function nameOf(partition: number): string {
  return `partition-${partition}`;
}
