/** The folders in a STATE_DIR: how large each is, and when it was last used. */
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from './files-on-disk.js';
import { CorruptStoreError } from './key-value-store.js';
import { RocksDbStore } from './rocks-db-store.js';
import { PARTITION_FOLDER } from './rocks-state-directory.js';
import { ORIGIN_KEY, POSITION_KEY } from './row-keys.js';
import { rowsOfState, type StateRows } from './state-rows.js';
import { bytesIn } from './state-size.js';

export interface StateFolder {
  readonly path: string;
  /** Null for a folder that was set aside. */
  readonly partition: number | null;
  readonly bytes: number;
  /** When a sweep last found the folder in use, or when it was set aside; milliseconds since the epoch. */
  readonly lastUsedMs: number;
}

/** `<folder>.set-aside-20261231T235959Z[-2]`, see set-aside-folder.ts. */
const SET_ASIDE = /\.set-aside-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-\d+)?$/;
const BEING_REMOVED = '.removed';

/** The folders of partitions and the folders set aside. Also removes the rest of an interrupted removal. */
export async function listStateFolders(stateDir: string): Promise<StateFolder[]> {
  const folders: StateFolder[] = [];
  for (const name of await readdir(stateDir)) {
    const path = join(stateDir, name);
    if (name.endsWith(BEING_REMOVED)) await rm(path, { recursive: true, force: true });
    const partition = PARTITION_FOLDER.exec(name)?.[1];
    const setAside = SET_ASIDE.exec(name);
    if (setAside !== null)
      folders.push({ path, partition: null, bytes: await bytesIn(path), lastUsedMs: timeOf(setAside) });
    else if (partition !== undefined) {
      const found = await ifThere(stat(path));
      if (found === null) continue;
      folders.push({ path, partition: Number(partition), bytes: await bytesIn(path), lastUsedMs: found.mtimeMs });
    }
  }
  return folders;
}

/** Up to which input offset the state in a folder has come; null if it has none, or if the folder is corrupt. */
export async function stateRowsIn(folder: string): Promise<StateRows | null> {
  let store: RocksDbStore | undefined;
  try {
    store = await RocksDbStore.openReadOnly(folder);
    const [position, origin] = await store.read([POSITION_KEY, ORIGIN_KEY]);
    return rowsOfState(position ?? null, origin ?? null, null)[0] ?? null;
  } catch (error) {
    if (error instanceof CorruptStoreError) return null;
    throw error;
  } finally {
    await store?.close();
  }
}

/** Sets the folder's own modification time to note when it was last in use. This note outlives the process. */
export async function markUsed(folder: string, now: number): Promise<void> {
  await ifThere(utimes(folder, now / 1000, now / 1000));
}

/** Renames the folder first: a half-removed folder must not be opened. */
export async function removeStateFolder(folder: string): Promise<void> {
  const doomed = folder + BEING_REMOVED;
  await rename(folder, doomed);
  await rm(doomed, { recursive: true, force: true });
  await rm(`${folder}.txt`, { force: true });
}

function timeOf([, year, month, day, hours, minutes, seconds]: RegExpExecArray): number {
  return Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
}
