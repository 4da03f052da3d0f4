/** STATE_DIR of one instance: its lock, the stores of the partitions, and what the sweep of unused folders needs. */
import type { Clock } from '../lib/clock.js';
import type { CallDeadline } from './call-deadline.js';
import { boundInfoLogs } from './info-logs.js';
import { InstanceLock, stateDirExposure } from './instance-lock.js';
import type { StateDirectory } from './key-value-store.js';
import { readStatePositions, type StateOwner } from './read-state-positions.js';
import { RocksStateDirectory } from './rocks-state-directory.js';
import { listStateFolders, markUsed, removeStateFolder, stateRowsIn, type StateFolder } from './state-folders.js';
import type { StateRows } from './state-rows.js';
import { stateSize, type StateSize } from './state-size.js';

export interface StateVolume {
  /** As InstanceLock.take. */
  takeLock(calls: CallDeadline): Promise<Pick<InstanceLock, 'word' | 'release'>>;
  /** As stateDirExposure. */
  exposure(): Promise<string | null>;
  /** As readStatePositions. */
  positions(owner: StateOwner, calls: CallDeadline): Promise<Map<number, number>>;
  /** @param storeBytes the approximate memory that one store may take outside the heap */
  directory(storeBytes: number): StateDirectory;
  size(): Promise<StateSize>;
  boundInfoLogs(): Promise<void>;
  listFolders(): Promise<StateFolder[]>;
  /** As stateRowsIn. */
  stateRows(path: string): Promise<StateRows | null>;
  markUsed(path: string, now: number): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

/** STATE_DIR on disk. */
export function stateVolumeAt(stateDir: string, clock: Pick<Clock, 'now'>): StateVolume {
  return {
    takeLock: (calls) => InstanceLock.take(stateDir, clock, calls),
    exposure: () => stateDirExposure(stateDir),
    positions: (owner, calls) => readStatePositions(stateDir, owner, calls),
    directory: (storeBytes) => new RocksStateDirectory(stateDir, clock, storeBytes),
    size: () => stateSize(stateDir),
    boundInfoLogs: () => boundInfoLogs(stateDir),
    listFolders: () => listStateFolders(stateDir),
    stateRows: stateRowsIn,
    markUsed,
    removeFolder: removeStateFolder,
  };
}
