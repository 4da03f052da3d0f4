import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepFolder, removeWithParent } from './end-with-parent.js';

export interface ClusterFolder {
  readonly path: string;
  /** Removes the folder if it is temporary. */
  release(): Promise<void>;
}

/** The name of a temporary folder is this prefix, the process id of its owner, a dash and random characters. */
const PREFIX = 'company-sync-cluster-';

/**
 * No run lasts longer than this. The age is checked in addition to the process id, because the id proves nothing if
 * containers share a folder.
 */
const LEFTOVER_AFTER_MS = 24 * 3_600_000;

/** The caller's folder `dir`, which is kept, or else a temporary folder. */
export async function clusterFolder(dir: string | undefined): Promise<ClusterFolder> {
  if (dir !== undefined) {
    await mkdir(dir, { recursive: true });
    return { path: dir, release: () => Promise.resolve() };
  }
  await removeLeftovers();
  const path = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  removeWithParent(path);
  const release = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
    keepFolder(path);
  };
  return { path, release };
}

/** Removes the folders of owners that were killed with -9. */
async function removeLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    const path = join(tmpdir(), name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // Its owner may be removing it at this moment.
    const owner = Number(name.slice(PREFIX.length).split('-')[0]);
    const left = Date.now() - mtimeMs > LEFTOVER_AFTER_MS && !isAlive(owner);
    if (left) await rm(path, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // The process exists, and belongs to another user.
  }
}
