/** Reads the state that a stopped instance left. Changes nothing in the folder. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CommittedRows } from './committed-rows.js';
import { StateDirInUseError } from './instance-lock.js';
import { StoreUnavailableError } from './key-value-store.js';
import { decodeIdentity, decodeUndo, IDENTITY_KEY, UNDO_KEY, type StoreIdentity } from './partition-meta.js';
import { RocksDbStore } from './rocks-db-store.js';
import { isLockHeld } from './rocks-errors.js';
import { PARTITION_FOLDER } from './rocks-state-directory.js';

/** The folder is not a STATE_DIR, or does not exist. The message says what is missing. */
export class NotStateFolderError extends Error {
  override readonly name = 'NotStateFolderError';
}

/** The state of one partition as its instance left it. */
export interface LeftPartition {
  readonly identity: StoreIdentity;
  readonly rows: CommittedRows;
  /** The instance was killed. Whether its last batch was committed is unknown here, so the batch is left out. */
  readonly lastBatchLeftOut: boolean;
}

/**
 * Calls `look` for each partition in the folder, in order, until it returns a result. Meanwhile no instance can start
 * on the folder.
 *
 * @param look returns null to continue with the next partition
 * @returns the result of `look`; null if it returned null for every partition
 * @throws NotStateFolderError, StateDirInUseError, StoreUnavailableError, CorruptStoreError, UnknownRowVersionError
 */
export async function lookIntoStopped<T>(
  stateDir: string,
  look: (partition: LeftPartition) => Promise<T | null>,
): Promise<T | null> {
  const release = await holdLock(stateDir);
  try {
    const partitions = (await readdir(stateDir)).flatMap((name) => PARTITION_FOLDER.exec(name)?.[1] ?? []).map(Number);
    for (const partition of partitions.sort((a, b) => a - b)) {
      const seen = await lookIntoPartition(join(stateDir, `partition-${partition}`), look);
      if (seen !== null) return seen;
    }
    return null;
  } finally {
    await release();
  }
}

async function lookIntoPartition<T>(
  folder: string,
  look: (partition: LeftPartition) => Promise<T | null>,
): Promise<T | null> {
  const store = await RocksDbStore.openReadOnly(folder);
  try {
    const [identity, undo] = await store.read([IDENTITY_KEY, UNDO_KEY]);
    if (identity == null) return null; // created, and killed before anything was written
    const rows = new CommittedRows(store.snapshot(), undo == null ? [] : decodeUndo(undo));
    return await look({ identity: decodeIdentity(identity), rows, lastBatchLeftOut: undo != null });
  } finally {
    await store.close();
  }
}

/**
 * Holds the instance's lock without opening the store that it protects, because opening would write to it. RocksDB
 * locks the file LOCK in the folder that it opens. In a temporary folder, that file can be a link to the instance's
 * file.
 */
async function holdLock(stateDir: string): Promise<() => Promise<void>> {
  const lockFile = resolve(stateDir, 'instance', 'LOCK');
  if (!existsSync(stateDir)) throw new NotStateFolderError('there is no such folder');
  if (!existsSync(lockFile))
    throw new NotStateFolderError(`it is not a STATE_DIR of an instance: ${lockFile} does not exist`);
  const folder = await mkdtemp(join(tmpdir(), 'company-sync-lock-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await symlink(lockFile, join(folder, 'LOCK'));
    const lock = await RocksDbStore.open(folder);
    return async () => {
      await lock.close();
      await remove();
    };
  } catch (error) {
    await remove();
    if (error instanceof StoreUnavailableError && isLockHeld(error))
      throw new StateDirInUseError(stateDir, { cause: error });
    throw error;
  }
}
