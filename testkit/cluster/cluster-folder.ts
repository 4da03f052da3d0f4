import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepFolder, removeWithParent } from './end-with-parent.js';

export interface ClusterFolder {
  readonly path: string;
  /** Removes it, if it is a temporary one. */
  release(): Promise<void>;
}

/** Temporary folders are called this, the process id of their owner, a dash and something random. */
const PREFIX = 'company-sync-cluster-';

/** No run lasts that long. Asked besides the process id, which says nothing where containers share a folder. */
const LEFTOVER_AFTER_MS = 24 * 3_600_000;

/** The caller's folder `dir`, which stays, or a temporary one. */
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

/** What owners that were killed with -9 left behind. */
async function removeLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    const path = join(tmpdir(), name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // Its owner may just remove it.
    const owner = Number(name.slice(PREFIX.length).split('-')[0]);
    const left = Date.now() - mtimeMs > LEFTOVER_AFTER_MS && !isAlive(owner);
    if (left) await rm(path, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // It lives, as another user's.
  }
}
