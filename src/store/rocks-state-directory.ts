/** STATE_DIR on disk: one RocksDB folder for each partition. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import {
  StoreUnavailableError,
  type KeyValueReads,
  type KeyValueStore,
  type StateDirectory,
} from './key-value-store.js';
import { RocksDbStore } from './rocks-db-store.js';
import { lastSetAside, setAsideFolder } from './set-aside-folder.js';

/** Matches the folder of a partition in use. A folder that was set aside has a longer name. */
export const PARTITION_FOLDER = /^partition-(\d+)$/;

export class RocksStateDirectory implements StateDirectory {
  /** @param storeBytes the approximate memory that one store may take outside the heap */
  constructor(
    private readonly root: string,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly storeBytes?: number,
  ) {}

  async open(partition: number): Promise<KeyValueStore> {
    try {
      await mkdir(this.root, { recursive: true });
    } catch (cause) {
      throw new StoreUnavailableError(`cannot create ${this.root}: ${(cause as Error).message}`, { cause });
    }
    return RocksDbStore.open(this.folderOf(partition), this.storeBytes);
  }

  async setAside(partition: number, why: string, store?: KeyValueStore): Promise<void> {
    await store?.close();
    await setAsideFolder(this.folderOf(partition), why, this.clock.now());
  }

  async readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null> {
    const folder = await lastSetAside(this.folderOf(partition));
    if (folder === null) return null;
    const store = await openOnceUsed(folder);
    try {
      return await read(store);
    } finally {
      await store.close();
    }
  }

  folderOf(partition: number): string {
    return join(this.root, `partition-${partition}`);
  }
}

/** Opens a folder that was set aside. If the disk cannot read it, says that the partition can run without it. */
async function openOnceUsed(folder: string): Promise<RocksDbStore> {
  try {
    return await RocksDbStore.openReadOnly(folder);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    throw new StoreUnavailableError(
      `${error.message}. If this error repeats, move the folder out of STATE_DIR: it only tells how far the former state of ` +
        'the partition had come',
      { cause: error },
    );
  }
}
