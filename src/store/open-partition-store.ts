/** Opens the store of a partition in a trusted state, or starts an empty one. */
import { examineStore, type Expectations, type Trusted, type Untrusted } from './examine-store.js';
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyValueReads,
  type KeyValueStore,
  type StateDirectory,
} from './key-value-store.js';
import { NO_FORMER, noteFormer, passedOnOffset, storedFormerRows, type Former } from './former-rows.js';
import {
  decodeFollowedLog,
  decodeFormerOffset,
  decodeIdentity,
  FOLLOWED_LOG_KEY,
  FORMER_OFFSET_KEY,
  IDENTITY_KEY,
  isOtherLog,
  whoseElse,
} from './partition-meta.js';
import { PartitionStore } from './partition-store.js';

export interface OpenOptions extends Expectations {
  /** Called after a folder has been set aside, before an empty one is started. */
  readonly onSetAside: (why: string) => void;
}

/**
 * Opens the store of a partition. If it has an undo, always undoes the last batch: only the changelog says whether that
 * batch was committed. Sets aside a store that cannot be trusted, and starts an empty one.
 *
 * A folder notes what it passes on before it is set aside. The next store of the partition takes that over in its first
 * write. So whenever the process is killed, the next one knows it.
 *
 * Sets nothing aside if it throws:
 * @throws StoreUnavailableError if the disk cannot be used now: wait
 * @throws UnknownRowVersionError if a newer release wrote the store: run that release
 * @throws UnprovedChangelogError if a write must first prove what the brokers say about the changelog
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
  // Now the folder is empty, or another user that was waiting has written to it.
  if (!opened.trusted) opened = await openTrusted(directory, partition, options, setAside);
  if (!opened.trusted)
    throw new StoreUnavailableError(
      `set aside the folder of partition ${partition}, but cannot trust the new one either: ${opened.why}`,
    );
  const { store, changelog, positionRow, originRow, former } = opened;
  const { leaderEpoch } = options.changelogLog;
  const aside = async (why: string) => {
    await noteFormerOf(inUse, store);
    await setAside(why, store);
  };
  const inUse = new PartitionStore(store, aside, changelog, positionRow, originRow, leaderEpoch, former);
  return inUse;
}

/** Notes what a store passes on that turned out to be wrong while it was in use. Nothing if it cannot be read. */
async function noteFormerOf({ changelogPosition, former }: PartitionStore, store: KeyValueStore): Promise<void> {
  try {
    const offset = await passedOnOffset(store, changelogPosition, former.changelogOffset);
    await noteFormer(store, offset, changelogPosition);
  } catch (error) {
    if (error instanceof CorruptStoreError) return;
    await store.close();
    throw error;
  }
}

/** The store with its undo applied; or why it cannot be trusted, after it has been set aside. */
async function openTrusted(
  directory: StateDirectory,
  partition: number,
  expected: Expectations,
  setAside: (why: string, store?: KeyValueStore) => Promise<void>,
): Promise<(Trusted & { readonly store: KeyValueStore; readonly former: Former }) | Untrusted> {
  let store: KeyValueStore | undefined;
  let untrusted: Untrusted;
  try {
    store = await directory.open(partition);
    const examined = await examineStore(store, expected, () => leftBehind(directory, partition, expected));
    const { formerOffset } = examined;
    if (examined.trusted) return { ...examined, store, former: await storedFormer(store, formerOffset) };
    // Another owner may have continued the changelog behind what this store has followed.
    await noteFormer(store, formerOffset, Math.min(formerOffset, expected.changelogEnd));
    untrusted = examined;
  } catch (error) {
    if (!(error instanceof CorruptStoreError)) {
      await store?.close();
      throw error;
    }
    untrusted = { trusted: false, why: error.message, formerOffset: 0 };
  }
  await setAside(untrusted.why, store);
  return untrusted;
}

/** What the folder that was set aside last has noted. Nothing if it cannot be read. */
async function leftBehind(directory: StateDirectory, partition: number, expected: Expectations): Promise<Former> {
  const noted = async (store: KeyValueReads): Promise<Former> => {
    const [identity, log, offset] = await store.read([IDENTITY_KEY, FOLLOWED_LOG_KEY, FORMER_OFFSET_KEY]);
    if (identity == null || offset == null) return NO_FORMER;
    const followed = log == null ? null : decodeFollowedLog(log);
    const isOther = isOtherLog(followed, expected.changelogLog);
    if (isOther || whoseElse(decodeIdentity(identity), expected.identity) !== null) return NO_FORMER;
    return storedFormer(store, decodeFormerOffset(offset));
  };
  try {
    return (await directory.readSetAside(partition, noted)) ?? NO_FORMER;
  } catch (error) {
    if (error instanceof CorruptStoreError) return NO_FORMER;
    throw error;
  }
}

/** @param changelogOffset 0 if the rows that the store has are of another changelog, or if it has none */
async function storedFormer(store: KeyValueReads, changelogOffset: number): Promise<Former> {
  return { changelogOffset, rows: changelogOffset > 0 ? await storedFormerRows(store) : null };
}
