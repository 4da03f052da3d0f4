/** Checks whether an instance of this deployment can use STATE_DIR, as far as possible without changing it. */
import { existsSync } from 'node:fs';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../lib/system-clock.js';
import { CallDeadline } from '../store/call-deadline.js';
import { readStatePositions, StateDirOfOtherError, type StateOwner } from '../store/read-state-positions.js';
import { InstanceLock, stateDirExposure, StateDirInUseError } from '../store/instance-lock.js';
import { failed, ok, reasonOf, warning, type Finding, type Found } from './finding.js';

const CHECK = 'state folder';
const GIBIBYTE = 2 ** 30;
/** Less free space than this gives a warning. */
const MIN_FREE_GIBIBYTES = 1;

/** @param owner the owner that the state must have; null if the cluster is unknown: then the owner is not checked */
export async function* examineStateFolder(stateDir: string, owner: StateOwner | null): Found {
  const folder = resolve(stateDir);
  try {
    if (!(await isWritableFolder(existingPartOf(folder)))) {
      yield failed(
        CHECK,
        `${folder}: this user cannot write there: set STATE_DIR to a folder that this user can write`,
      );
      return;
    }
    const { bavail, bsize } = await statfs(existingPartOf(folder));
    const gibibytes = (bavail * bsize) / GIBIBYTE;
    const room = `${gibibytes.toFixed(1)} GiB free`;
    const exposure = await stateDirExposure(folder);
    if (exposure !== null) yield warning(CHECK, exposure);
    if (gibibytes < MIN_FREE_GIBIBYTES) yield warning(CHECK, `${folder}: only ${room}`);
    if (existsSync(join(folder, 'instance'))) yield await examineUsedFolder(folder, owner, room);
    else yield ok(CHECK, `${folder}: not used yet, writable, ${room}`);
  } catch (error) {
    yield failed(CHECK, `${folder}: ${reasonOf(error)}`);
  }
}

async function isWritableFolder(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function examineUsedFolder(folder: string, owner: StateOwner | null, room: string): Promise<Finding> {
  try {
    // An instance that starts at this moment would find the folder in use. Its orchestrator would start it again.
    const volume = new CallDeadline(systemClock);
    const lock = await InstanceLock.take(folder, systemClock, volume);
    try {
      if (owner !== null) await readStatePositions(folder, owner, volume);
    } finally {
      await lock.release();
    }
    return ok(CHECK, `${folder}: not in use by a running instance, writable, ${room}`);
  } catch (error) {
    if (error instanceof StateDirInUseError) return ok(CHECK, `${folder}: in use by a running instance`);
    if (error instanceof StateDirOfOtherError) return failed(CHECK, error.message);
    throw error;
  }
}

function existingPartOf(path: string): string {
  return existsSync(path) ? path : existingPartOf(dirname(path));
}
