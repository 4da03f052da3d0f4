/** The disk space that a STATE_DIR takes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, ifThere } from './files-on-disk.js';
import { PARTITION_FOLDER } from './rocks-state-directory.js';

export interface StateSize {
  /** Partition -> bytes of its folder. Includes partitions that now run on another instance. */
  readonly partitions: ReadonlyMap<number, number>;
  /** Bytes of the folders that were set aside. */
  readonly setAside: number;
}

/** Matches the names that set-aside-folder.ts gives; folders in use have other names. */
const SET_ASIDE = /\.set-aside-/;

/** Files that appear or disappear meanwhile may count or not. @throws if the disk cannot be read */
export async function stateSize(stateDir: string): Promise<StateSize> {
  const partitions = new Map<number, number>();
  let setAside = 0;
  for (const name of await namesIn(stateDir)) {
    const partition = PARTITION_FOLDER.exec(name)?.[1];
    if (partition !== undefined) partitions.set(Number(partition), await bytesIn(join(stateDir, name)));
    else if (SET_ASIDE.test(name)) setAside += await bytesIn(join(stateDir, name));
  }
  return { partitions, setAside };
}

/** The bytes of all files in a folder that does not contain folders. */
export async function bytesIn(folder: string): Promise<number> {
  const names = await namesIn(folder);
  const sizes = await Promise.all(names.map((name) => bytesOf(join(folder, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await ifThere(readdir(folder))) ?? [];
}
