/**
 * Makes one process the only user of STATE_DIR. The lock is a tiny RocksDB in it that stays open for the life of the
 * process. The operating system releases its lock when the process ends, however it ends. The same store keeps the few
 * values that an instance remembers about itself.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { CALL_DEADLINE_MS, OPEN_DEADLINE_MS, type CallDeadline } from './call-deadline.js';
import { CorruptStoreError, StoreUnavailableError, type KeyChange } from './key-value-store.js';
import { RocksDbStore } from './rocks-db-store.js';
import { isLockHeld } from './rocks-errors.js';
import { setAsideFolder } from './set-aside-folder.js';

/** Another process uses this STATE_DIR: give each instance its own. */
export class StateDirInUseError extends Error {
  override readonly name = 'StateDirInUseError';

  constructor(
    readonly folder: string,
    options?: ErrorOptions,
  ) {
    super(`${folder} is used by another process: give each instance a STATE_DIR of its own`, options);
  }
}

/** The folder contains ids and names of companies, so only its owner may enter. */
const STATE_DIR_MODE = 0o700;

/** A warning if other users of the machine may enter the STATE_DIR; null if they may not, or if it does not exist. */
export async function stateDirExposure(stateDir: string): Promise<string | null> {
  const mode = await stat(stateDir).then(
    (stats) => stats.mode & 0o777,
    () => null,
  );
  if (mode === null || (mode & ~STATE_DIR_MODE) === 0) return null;
  return (
    `${stateDir} has mode ${mode.toString(8)}: other users of this machine may read the companies in it. ` +
    `Run chmod 700 ${stateDir}; if the volume belongs to another user, set STATE_DIR to a new folder in it`
  );
}

export class InstanceLock {
  private constructor(
    private readonly store: RocksDbStore,
    private readonly volume: CallDeadline,
  ) {}

  /**
   * Takes the folder, and creates it if it does not exist. If the remembered values cannot be read, they are dropped
   * and their file is set aside: they only save time, and nothing depends on them.
   *
   * @param volume limits the time of each call
   * @throws StateDirInUseError, StoreUnavailableError
   */
  static async take(stateDir: string, clock: Pick<Clock, 'now'>, volume: CallDeadline): Promise<InstanceLock> {
    const taken = volume.within(OPEN_DEADLINE_MS, `opening ${stateDir}`, () => openLock(stateDir, clock));
    return new InstanceLock(await taken, volume);
  }

  /** The value set under `name`, also by an earlier process; null if none was set. */
  async get(name: string): Promise<string | null> {
    const [value] = await this.#within('reading', () => this.store.read([Buffer.from(name)]));
    return value == null ? null : value.toString();
  }

  set(name: string, value: string): Promise<void> {
    return this.#write({ key: Buffer.from(name), value: Buffer.from(value) });
  }

  delete(name: string): Promise<void> {
    return this.#write({ key: Buffer.from(name), value: null });
  }

  /** Reads and writes the value that is stored under `name`. */
  word(name: string) {
    return {
      get: () => this.get(name),
      set: (value: string) => this.set(name, value),
      delete: () => this.delete(name),
    };
  }

  /** Releases the folder. Idempotent. */
  release(): Promise<void> {
    return this.#within('closing', () => this.store.close());
  }

  #write(change: KeyChange): Promise<void> {
    return this.#within('writing to', () => this.store.write([change]));
  }

  #within<T>(doing: string, call: () => Promise<T>): Promise<T> {
    return this.volume.within(CALL_DEADLINE_MS, `${doing} the instance's folder in STATE_DIR`, call);
  }
}

async function openLock(stateDir: string, clock: Pick<Clock, 'now'>): Promise<RocksDbStore> {
  const folder = join(stateDir, 'instance');
  try {
    await mkdir(stateDir, { recursive: true, mode: STATE_DIR_MODE });
  } catch (cause) {
    throw new StoreUnavailableError(`cannot create ${stateDir}: ${(cause as Error).message}`, { cause });
  }
  try {
    return await RocksDbStore.open(folder);
  } catch (error) {
    if (error instanceof StoreUnavailableError && isLockHeld(error))
      throw new StateDirInUseError(stateDir, { cause: error });
    if (!(error instanceof CorruptStoreError)) throw error;
    await setAsideFolder(folder, error.message, clock.now());
    return await RocksDbStore.open(folder);
  }
}
