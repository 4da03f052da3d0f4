/** Opens the store of a partition in a trusted state, or starts an empty one. */
import { examineStore, type Expectations, type Trusted, type Untrusted } from './examine-store.js';
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyValueStore,
  type StateDirectory,
} from './key-value-store.js';
import { formerRowsOf, furthest, storedFormerRows, type Former, type FormerRows } from './former-rows.js';
import { encodeFormerOffset, FORMER_OFFSET_KEY, FORMER_ROWS_KEY } from './partition-meta.js';
import { PartitionStore } from './partition-store.js';

export interface OpenOptions extends Expectations {
  /** Called after a folder has been set aside, before an empty one is started. */
  readonly onSetAside: (why: string) => void;
}

/**
 * Opens the store of a partition. If it has an undo, always undoes the last batch: only the changelog says whether that
 * batch was committed. Sets aside a store that cannot be trusted, and starts an empty one.
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
  const { formerOffset: offsetBefore, formerRows: rowsBefore } = opened;
  // Now the folder is empty, or another user that was waiting has written to it.
  if (!opened.trusted) opened = await openTrusted(directory, partition, options, setAside);
  if (!opened.trusted)
    throw new StoreUnavailableError(
      `set aside the folder of partition ${partition}, but cannot trust the new one either: ${opened.why}`,
    );
  const { store, changelog, positionRow, originRow } = opened;
  const former = {
    changelogOffset: Math.max(opened.formerOffset, offsetBefore),
    rows: furthest(opened.formerRows, rowsBefore),
  };
  // The changelog may have lost the rows that the former folder has followed. The next process sees only the new one.
  if (former.changelogOffset > opened.formerOffset || former.rows !== opened.formerRows) await note(store, former);
  const { leaderEpoch } = options.changelogLog;
  const aside = (why: string) => setAside(why, store);
  return new PartitionStore(store, aside, changelog, positionRow, originRow, leaderEpoch, former);
}

async function note(store: KeyValueStore, { changelogOffset, rows }: Former): Promise<void> {
  try {
    await store.write([
      { key: FORMER_OFFSET_KEY, value: encodeFormerOffset(changelogOffset) },
      { key: FORMER_ROWS_KEY, value: rows?.bytes ?? null },
    ]);
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface WithFormerRows {
  /** Null also if `formerOffset` is 0: the rows are then of another changelog, or there are none. */
  readonly formerRows: FormerRows | null;
}

/** The store with its undo applied; or why it cannot be trusted, after it has been set aside. */
async function openTrusted(
  directory: StateDirectory,
  partition: number,
  expected: Expectations,
  setAside: (why: string, store?: KeyValueStore) => Promise<void>,
): Promise<((Trusted & { readonly store: KeyValueStore }) | Untrusted) & WithFormerRows> {
  let store: KeyValueStore | undefined;
  let why: string;
  let formerOffset = 0;
  let formerRows: FormerRows | null = null;
  try {
    store = await directory.open(partition);
    const examined = await examineStore(store, expected);
    ({ formerOffset } = examined);
    if (examined.trusted)
      return { ...examined, store, formerRows: formerOffset > 0 ? await storedFormerRows(store) : null };
    ({ why } = examined);
    if (formerOffset > 0) formerRows = await formerRowsOf(store);
  } catch (error) {
    if (!(error instanceof CorruptStoreError)) {
      await store?.close();
      throw error;
    }
    why = error.message;
  }
  await setAside(why, store);
  return { trusted: false, why, formerOffset, formerRows };
}
