/** Moves a folder that cannot be used out of the way: renames it and writes down the reason. Never deletes it. */
import type { Dirent } from 'node:fs';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
    const name = nameAfter(folder, stamp, await lastOf(folder));
    await rename(folder, name);
    await explain(name, why);
    return name;
  } catch (cause) {
    throw new StoreUnavailableError(`cannot set ${folder} aside: ${(cause as Error).message}`, { cause });
  }
}

/** The path of the folder that was set aside last, of those that were `folder`; null if there is none. */
export async function lastSetAside(folder: string): Promise<string | null> {
  try {
    const last = await lastOf(folder, (entry) => entry.isDirectory());
    return last === null ? null : nameOf(folder, last);
  } catch (cause) {
    throw new StoreUnavailableError(`cannot list the folders set aside: ${(cause as Error).message}`, { cause });
  }
}

/** Optional: a full disk may refuse the file. The folder is set aside anyway, and the caller reports the reason too. */
async function explain(name: string, why: string): Promise<void> {
  await Promise.allSettled([writeFile(`${name}.txt`, `${why}\n`)]);
}

interface SetAside {
  readonly stamp: string;
  /** Counts the folders of one stamp, from 1. */
  readonly n: number;
}

async function lastOf(folder: string, counts: (entry: Dirent) => boolean = () => true): Promise<SetAside | null> {
  const prefix = `${basename(folder)}.set-aside-`;
  let last: SetAside | null = null;
  for (const entry of await readdir(dirname(folder), { withFileTypes: true })) {
    const { name } = entry;
    const [, stamp, n = '1'] =
      (name.startsWith(prefix) && /^(\d{8}T\d{6}Z)(?:-(\d+))?$/.exec(name.slice(prefix.length))) || [];
    if (stamp === undefined || !counts(entry)) continue;
    const found = { stamp, n: Number(n) };
    if (last === null || found.stamp > last.stamp || (found.stamp === last.stamp && found.n > last.n)) last = found;
  }
  return last;
}

/** A later folder has a later name, also if the clock was set back. One process owns all folders of a STATE_DIR. */
function nameAfter(folder: string, stamp: string, last: SetAside | null): string {
  return nameOf(folder, last === null || last.stamp < stamp ? { stamp, n: 1 } : { stamp: last.stamp, n: last.n + 1 });
}

function nameOf(folder: string, { stamp, n }: SetAside): string {
  return join(dirname(folder), `${basename(folder)}.set-aside-${stamp}${n === 1 ? '' : `-${n}`}`);
}
