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
import { UnknownRowVersionError } from './row-version.js';

/** Whose state a folder is to hold. */
export type StateOwner = Omit<StoreIdentity, 'partition'>;

/**
 * The folder holds state of another cluster, application or input topic. It is not used and not set aside, for a setting
 * may be wrong: the operator decides.
 */
export class StateDirOfOtherError extends Error {
  override readonly name = 'StateDirOfOtherError';

  constructor(stateDir: string, found: StateOwner, owner: StateOwner) {
    super(stateOfOther(stateDir, found, owner));
  }
}

const ANOTHER_FOLDER =
  'If the setting is right, use an empty STATE_DIR: the instance then restores its state from the changelog';

function stateOfOther(stateDir: string, found: StateOwner, owner: StateOwner): string {
  if (found.applicationId !== owner.applicationId)
    return (
      `${stateDir} holds state of ${found.applicationId}, and this is ${owner.applicationId}: give each a STATE_DIR of ` +
      `its own, or correct APPLICATION_ID. ${ANOTHER_FOLDER}`
    );
  if (found.topic !== owner.topic)
    return (
      `${stateDir} holds state of input topic ${found.topic}, and TOPIC_SYNC_EVENTS is ${owner.topic}: correct ` +
      `TOPIC_SYNC_EVENTS or STATE_DIR; an application id has one input topic. ${ANOTHER_FOLDER}`
    );
  return (
    `${stateDir} holds state of the Kafka cluster ${found.clusterId}, and KAFKA_BROKERS lead to the cluster ` +
    `${owner.clusterId}. If STATE_DIR or KAFKA_BROKERS is wrong, correct it: nothing is lost then. If you fail over to ` +
    'this cluster, first read "Failover to a mirrored cluster" in docs/operations.md, and then use an empty STATE_DIR: ' +
    'the instance restores what this cluster has of the changelog, and the folder may be the only copy of what was not ' +
    'mirrored. To go back to the former cluster, keep the folder as it is'
  );
}

/**
 * Partition -> changelog position, of the folders that hold state of this deployment. A folder that cannot be read is left
 * out: the take-over of its partition finds out why.
 *
 * @param volume limits what is read of each folder
 * @throws StateDirOfOtherError if any folder holds state of somebody else; StoreUnavailableError
 */
export async function readHeldState(
  stateDir: string,
  owner: StateOwner,
  volume: CallDeadline,
): Promise<Map<number, number>> {
  const held = new Map<number, number>();
  // One after the other: each needs memory for the tail of its log, and the disk is one.
  for (const name of await volume.within(OPEN_DEADLINE_MS, `reading ${stateDir}`, () => foldersIn(stateDir))) {
    const partition = Number(PARTITION_FOLDER.exec(name)?.[1] ?? NaN);
    const found = Number.isNaN(partition)
      ? null
      : await volume.within(OPEN_DEADLINE_MS, `reading ${name}`, () => readFolder(join(stateDir, name)));
    if (found === null) continue;
    if (!isOwnedBy(found.identity, owner)) throw new StateDirOfOtherError(stateDir, found.identity, owner);
    if (found.identity.partition === partition) held.set(partition, found.offset);
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

function isOwnedBy(found: StoreIdentity, owner: StateOwner): boolean {
  return (['clusterId', 'applicationId', 'topic'] as const).every((part) => found[part] === owner[part]);
}
