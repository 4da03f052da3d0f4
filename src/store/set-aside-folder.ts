/** Moves a folder that cannot be used out of the way: renames it and writes down the reason. Never deletes it. */
import { access, rename, writeFile } from 'node:fs/promises';
import { StoreUnavailableError } from './key-value-store.js';

/**
 * Renames `folder` to `<folder>.set-aside-<time>[-n]`. Writes the reason next to it, to `<new name>.txt`, if the disk
 * accepts it.
 *
 * @param now milliseconds since the epoch
 * @returns the new name
 * @throws StoreUnavailableError if the disk refuses the renaming
 */
export async function setAsideFolder(folder: string, why: string, now: number): Promise<string> {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  try {
    const name = await firstFree(`${folder}.set-aside-${stamp}`);
    await rename(folder, name);
    await explain(name, why);
    return name;
  } catch (cause) {
    throw new StoreUnavailableError(`cannot set ${folder} aside: ${(cause as Error).message}`, { cause });
  }
}

/** Optional: a full disk may refuse the file. The folder is set aside anyway, and the caller reports the reason too. */
async function explain(name: string, why: string): Promise<void> {
  await Promise.allSettled([writeFile(`${name}.txt`, `${why}\n`)]);
}

/** One process owns all folders of a STATE_DIR, so no other process takes the name meanwhile. */
async function firstFree(name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!(await exists(candidate))) return candidate;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
