/** What a STATE_DIR holds before anything of it is opened for use: read without changing it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OPEN_DEADLINE_MS, type CallDeadline } from './call-deadline.js';
import { CorruptStoreError, StoreUnavailableError } from './key-value-store.js';
import {
  CHANGELOG_POSITION_KEY,
  decodeChangelogPosition,
  decodeIdentity,
  IDENTITY_KEY,
  type StoreIdentity,
} from './partition-meta.js';
import { RocksDbStore } from './rocks-db-store.js';
import { PARTITION_FOLDER } from './rocks-state-directory.js';
import { UnknownRowVersionError } from './unknown-row-version-error.js';

/** The folder holds state of another application, which would be set aside partition by partition, and then removed. */
export class StateDirOfOtherError extends Error {
  override readonly name = 'StateDirOfOtherError';

  constructor(stateDir: string, found: string, applicationId: string) {
    super(`${stateDir} holds state of ${found}, and this is ${applicationId}: give each a STATE_DIR of its own`);
  }
}

/**
 * Partition -> changelog position, of the folders that hold state of this deployment. One that cannot be read is left
 * out: whoever takes its partition over finds out why.
 *
 * @param counterpart the application whose state must not be here: a deployment and its shadow are easily mixed up
 * @param volume limits what is read of each folder
 * @throws StateDirOfOtherError, StoreUnavailableError
 */
export async function readHeldState(
  stateDir: string,
  owner: Omit<StoreIdentity, 'partition'>,
  counterpart: string,
  volume: CallDeadline,
): Promise<Map<number, number>> {
  const held = new Map<number, number>();
  // One after the other: each needs memory for the tail of its log, and the disk is one.
  for (const name of await foldersIn(stateDir)) {
    const partition = Number(PARTITION_FOLDER.exec(name)?.[1] ?? NaN);
    const found = Number.isNaN(partition)
      ? null
      : await volume.within(OPEN_DEADLINE_MS, `reading ${name}`, () => readFolder(join(stateDir, name)));
    if (found?.identity.applicationId === counterpart)
      throw new StateDirOfOtherError(stateDir, counterpart, owner.applicationId);
    if (found !== null && isSame(found.identity, { ...owner, partition })) held.set(partition, found.offset);
  }
  return held;
}

async function foldersIn(stateDir: string): Promise<string[]> {
  try {
    return await readdir(stateDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new StoreUnavailableError(`cannot read ${stateDir}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whose state it is, and its changelog position; null where that cannot be read. */
async function readFolder(folder: string): Promise<{ identity: StoreIdentity; offset: number } | null> {
  let store: RocksDbStore | undefined;
  try {
    store = await RocksDbStore.openReadOnly(folder);
    const [identity, position] = await store.read([IDENTITY_KEY, CHANGELOG_POSITION_KEY]);
    if (identity == null || position == null) return null;
    return { identity: decodeIdentity(identity), offset: decodeChangelogPosition(position).offset };
  } catch (error) {
    const unreadable = [CorruptStoreError, StoreUnavailableError, UnknownRowVersionError];
    if (unreadable.some((kind) => error instanceof kind)) return null;
    throw error;
  } finally {
    await store?.close();
  }
}

function isSame(found: StoreIdentity, expected: StoreIdentity): boolean {
  const parts = ['clusterId', 'applicationId', 'topic', 'partition'] as const;
  return parts.every((part) => found[part] === expected[part]);
}
