/** Opens the store of a partition in a state that can be trusted, or begins an empty one. */
import { examineStore, type Expectations, type Trusted, type Untrusted } from './examine-store.js';
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyValueStore,
  type StateDirectory,
} from './key-value-store.js';
import { PartitionStore } from './partition-store.js';

export interface OpenOptions extends Expectations {
  /** Called after a folder has been set aside, before an empty one is begun. */
  readonly onSetAside: (why: string) => void;
}

/**
 * Opens the store of a partition and undoes its last batch if an undo is there, always: whether that batch was
 * committed is for the changelog to say. What cannot be trusted is set aside, and an empty store is begun.
 *
 * @throws StoreUnavailableError if the disk cannot be used now: wait; UnknownRowVersionError if a newer release
 * wrote the store: run that; UnprovedChangelogError if what brokers say of the changelog must be proved first. Nothing is
 * set aside for any of these.
 */
export async function openPartitionStore(
  directory: StateDirectory,
  partition: number,
  options: OpenOptions,
): Promise<PartitionStore> {
  const setAside = async (why: string, store?: KeyValueStore) => {
    await directory.setAside(partition, why, store);
    options.onSetAside(why);
  };
  let opened = await openTrusted(directory, partition, options, setAside);
  // What is there now is empty, or what somebody else who waited has made of it.
  if (!opened.trusted) opened = await openTrusted(directory, partition, options, setAside);
  if (!opened.trusted) throw new StoreUnavailableError(`set aside partition ${partition} twice: ${opened.why}`);
  const { store, changelog, positionRow, originRow } = opened;
  const { leaderEpoch } = options.changelogLog;
  return new PartitionStore(store, (why) => setAside(why, store), changelog, positionRow, originRow, leaderEpoch);
}

/** The store without an undo, or why it could not be trusted; then it has been set aside. */
async function openTrusted(
  directory: StateDirectory,
  partition: number,
  expected: Expectations,
  setAside: (why: string, store?: KeyValueStore) => Promise<void>,
): Promise<(Trusted & { readonly store: KeyValueStore }) | Untrusted> {
  let store: KeyValueStore | undefined;
  let why: string;
  try {
    store = await directory.open(partition);
    const examined = await examineStore(store, expected);
    if (examined.trusted) return { ...examined, store };
    why = examined.why;
  } catch (error) {
    if (!(error instanceof CorruptStoreError)) {
      await store?.close();
      throw error;
    }
    why = error.message;
  }
  await setAside(why, store);
  return { trusted: false, why };
}
