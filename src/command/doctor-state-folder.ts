/** Whether STATE_DIR can be used by an instance of this deployment, as far as that can be seen without changing it. */
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../lib/system-clock.js';
import { CallDeadline } from '../store/call-deadline.js';
import { readHeldState, StateDirOfOtherError, type StateOwner } from '../store/held-state.js';
import { InstanceLock, stateDirExposure, StateDirInUseError } from '../store/instance-lock.js';
import { failed, ok, reasonOf, warning, type Finding, type Found } from './finding.js';

const CHECK = 'state folder';
const GIBIBYTE = 2 ** 30;
/** Less room than this for the state is worth a warning. */
const FEW_GIBIBYTES = 1;

/** @param owner whose state it is to hold; null if the cluster is not known: then that is not looked at */
export async function* examineStateFolder(stateDir: string, owner: StateOwner | null): Found {
  const folder = resolve(stateDir);
  try {
    await access(existingPartOf(folder), constants.W_OK);
    const { bavail, bsize } = await statfs(existingPartOf(folder));
    const gibibytes = (bavail * bsize) / GIBIBYTE;
    const room = `${gibibytes.toFixed(1)} GiB free`;
    const exposure = await stateDirExposure(folder);
    if (exposure !== null) yield warning(CHECK, exposure);
    if (gibibytes < FEW_GIBIBYTES) yield warning(CHECK, `${folder}: only ${room}`);
    if (existsSync(join(folder, 'instance'))) yield await examineUsedFolder(folder, owner, room);
    else yield ok(CHECK, `${folder}: not used yet, can be written, ${room}`);
  } catch (error) {
    yield failed(CHECK, `${folder}: ${reasonOf(error)}: STATE_DIR must be a folder that can be written`);
  }
}

async function examineUsedFolder(folder: string, owner: StateOwner | null, room: string): Promise<Finding> {
  try {
    // An instance that starts in this very moment would find the folder in use, and be started again.
    const volume = new CallDeadline(systemClock);
    const lock = await InstanceLock.take(folder, systemClock, volume);
    try {
      if (owner !== null) await readHeldState(folder, owner, volume);
    } finally {
      await lock.release();
    }
    return ok(CHECK, `${folder}: used by no running instance, can be written, ${room}`);
  } catch (error) {
    if (error instanceof StateDirInUseError) return ok(CHECK, `${folder}: in use by a running instance`);
    if (error instanceof StateDirOfOtherError) return failed(CHECK, error.message);
    throw error;
  }
}

function existingPartOf(path: string): string {
  return existsSync(path) ? path : existingPartOf(dirname(path));
}
