/** What a STATE_DIR holds before anything of it is opened for use: read without changing it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
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

/**
 * Partition -> changelog position, of the folders that hold state of this deployment. One that cannot be read is left
 * out: whoever takes its partition over finds out why.
 */
export async function readHeldState(
  stateDir: string,
  owner: Omit<StoreIdentity, 'partition'>,
): Promise<Map<number, number>> {
  const held = new Map<number, number>();
  // One after the other: each needs memory for the tail of its log, and the disk is one.
  for (const name of await foldersIn(stateDir)) {
    const partition = Number(PARTITION_FOLDER.exec(name)?.[1] ?? NaN);
    const position = Number.isNaN(partition) ? null : await positionIn(join(stateDir, name), { ...owner, partition });
    if (position !== null) held.set(partition, position);
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

/** Null where it is not what `expected` says, or cannot be read. */
async function positionIn(folder: string, expected: StoreIdentity): Promise<number | null> {
  let store: RocksDbStore | undefined;
  try {
    store = await RocksDbStore.openReadOnly(folder);
    const [identity, position] = await store.read([IDENTITY_KEY, CHANGELOG_POSITION_KEY]);
    if (identity == null || position == null || !isSame(decodeIdentity(identity), expected)) return null;
    return decodeChangelogPosition(position).offset;
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
