import { isAtEnd } from '../store/examine-store.js';
import { openPartitionStore } from '../store/open-partition-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { KeyValueReads, KeyValueStore, StateDirectory } from '../store/key-value-store.js';
import type { PipelineContext } from './context.js';
import { maxAwayMs } from './missed-deletions.js';
import { isOnlyCopy, type StoredCommit } from './only-copy.js';
import type { PartitionView } from './partition-view.js';

/** What the opening of a store must know of changelog and group. */
export interface StoreView extends Pick<PartitionView, 'changelog' | 'proved' | 'askedAt'> {
  /** As in `Expectations`. */
  readonly endMayFall?: boolean;
  /** The group's offset. Asked only if the store may be the only copy of rows. */
  readonly committed: () => Promise<StoredCommit | null>;
}

/**
 * Opens a partition's store for its owner or its standby. If the folder cannot be trusted, sets it aside and starts an
 * empty one.
 *
 * @param view what brokers say about the changelog, when they were asked, and whether a write has proved it
 * @param state the directory that contains the store
 * @throws UnprovedChangelogError, OnlyCopyError, StoreUnavailableError, UnknownRowVersionError
 */
export async function openStore(
  context: PipelineContext,
  partition: number,
  { changelog, proved, askedAt, endMayFall = false, committed }: StoreView,
  state: StateDirectory = context.state,
): Promise<PartitionStore> {
  const { applicationId, clusterId, topics, clock, observer, known } = context;
  const endBeforeProof = known.endBeforeProof(partition);
  const store = await openPartitionStore(state, partition, {
    identity: { clusterId, applicationId, topic: topics.input, partition },
    changelogEnd: changelog.end,
    endBeforeProof,
    changelogLog: changelog,
    endOfEpoch: (epoch) => context.changelogLogs.endOfEpoch({ topic: topics.changelog, partition }, epoch),
    proved,
    endMayFall: endMayFall && endBeforeProof === undefined,
    isOnlyCopy: async (rows) => isOnlyCopy(context, partition, rows, await committed()),
    maxAwayMs: maxAwayMs(context),
    now: clock.now(),
    onSetAside: (why) => observer.setAside(partition, why),
  });
  known.forgetProof(partition);
  if (changelog.byMost && isAtEnd(store.changelogPosition, changelog.end)) store.noteAtEnd(askedAt);
  return store;
}

/**
 * The state directory with one store that begins to open before it is needed, while other work continues. If a standby
 * releases the store, the user that is already waiting for it gets it open.
 */
export class StoreOpening implements StateDirectory {
  #opening: Promise<KeyValueStore> | null;

  constructor(
    private readonly state: StateDirectory,
    private readonly partition: number,
  ) {
    this.#opening = state.open(partition);
    this.#opening.catch(() => undefined); // `open` passes the error to its caller.
  }

  open(partition: number): Promise<KeyValueStore> {
    const opening = this.#opening;
    if (opening === null || partition !== this.partition) return this.state.open(partition);
    this.#opening = null;
    return opening;
  }

  setAside(partition: number, why: string, store?: KeyValueStore): Promise<void> {
    return this.state.setAside(partition, why, store);
  }

  readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null> {
    return this.state.readSetAside(partition, read);
  }

  /** Waits until no other user has the store. Never rejects; `open` reports whether the store could be opened. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#opening]);
  }

  /** Closes the store if `open` was not called. Never rejects. */
  async discard(): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    await opening?.then((store) => store.close()).catch(() => undefined);
  }
}
