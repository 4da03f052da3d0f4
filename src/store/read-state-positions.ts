/** Finds out which state a STATE_DIR contains, before any store is opened for use. Changes nothing. */
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

/** The deployment that a folder's state must belong to. */
export type StateOwner = Omit<StoreIdentity, 'partition'>;

/**
 * The folder contains state of another cluster, application or input topic. The instance neither uses it nor sets it
 * aside, because a setting may be wrong: the operator decides.
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
      `${stateDir} holds state of ${found.applicationId}, but APPLICATION_ID is ${owner.applicationId}: give each ` +
      `a STATE_DIR of its own, or correct APPLICATION_ID. ${ANOTHER_FOLDER}`
    );
  if (found.topic !== owner.topic)
    return (
      `${stateDir} holds state of input topic ${found.topic}, but TOPIC_SYNC_EVENTS is ${owner.topic}: correct ` +
      `TOPIC_SYNC_EVENTS or STATE_DIR; an application id has one input topic. ${ANOTHER_FOLDER}`
    );
  return (
    `${stateDir} holds state of the Kafka cluster ${found.clusterId}, but KAFKA_BROKERS lead to the cluster ` +
    `${owner.clusterId}. If STATE_DIR or KAFKA_BROKERS is wrong, correct it: nothing is lost then. If you fail over to ` +
    'this cluster, first read "Failover to a mirrored cluster" in docs/operations.md, and then use an empty STATE_DIR: ' +
    'the instance then restores the changelog that this cluster has. The folder may be the only copy of records that ' +
    'were not mirrored: keep it unchanged in case you go back to the former cluster'
  );
}

/**
 * Partition -> changelog position of every folder with state of this deployment. Leaves out a folder that cannot be
 * read: the take-over of its partition finds the reason.
 *
 * @param volume limits the time of each read
 * @throws StateDirOfOtherError if any folder contains state of another deployment; StoreUnavailableError
 */
export async function readStatePositions(
  stateDir: string,
  owner: StateOwner,
  volume: CallDeadline,
): Promise<Map<number, number>> {
  const statePositions = new Map<number, number>();
  // Read one after the other: each needs memory for the tail of its log, and they share one disk.
  for (const name of await volume.within(OPEN_DEADLINE_MS, `reading ${stateDir}`, () => foldersIn(stateDir))) {
    const partition = Number(PARTITION_FOLDER.exec(name)?.[1] ?? NaN);
    const found = Number.isNaN(partition)
      ? null
      : await volume.within(OPEN_DEADLINE_MS, `reading ${name}`, () => readFolder(join(stateDir, name)));
    if (found === null) continue;
    if (!isOwnedBy(found.identity, owner)) throw new StateDirOfOtherError(stateDir, found.identity, owner);
    if (found.identity.partition === partition) statePositions.set(partition, found.offset);
  }
  return statePositions;
}

async function foldersIn(stateDir: string): Promise<string[]> {
  try {
    return await readdir(stateDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new StoreUnavailableError(`cannot read ${stateDir}: ${(error as Error).message}`, { cause: error });
  }
}

/** Identity and changelog position of a folder's state; null if they cannot be read. */
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
