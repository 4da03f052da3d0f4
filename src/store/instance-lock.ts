/**
 * STATE_DIR belongs to one process: a tiny RocksDB in it, held open for the process's life, whose lock the operating
 * system drops with the process however that ends. It also keeps the few words that an instance remembers of itself.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { CorruptStoreError, StoreUnavailableError } from './key-value-store.js';
import { RocksDbStore } from './rocks-db-store.js';
import { isLockHeld } from './rocks-errors.js';
import { setAsideFolder } from './set-aside-folder.js';

/** Another process runs on this STATE_DIR: give each instance its own. */
export class StateDirInUseError extends Error {
  override readonly name = 'StateDirInUseError';

  constructor(
    readonly folder: string,
    options?: ErrorOptions,
  ) {
    super(`${folder} is used by another process: give each instance a STATE_DIR of its own`, options);
  }
}

export class InstanceLock {
  private constructor(private readonly store: RocksDbStore) {}

  /**
   * Takes the folder, which is created where there is none. What the instance remembered is given up, and its file set
   * aside, where it cannot be read: nothing of it is needed, it only saves time.
   *
   * @throws StateDirInUseError, StoreUnavailableError
   */
  static async take(stateDir: string, clock: Pick<Clock, 'now'>): Promise<InstanceLock> {
    const folder = join(stateDir, 'instance');
    try {
      await mkdir(stateDir, { recursive: true });
    } catch (cause) {
      throw new StoreUnavailableError(`cannot create ${stateDir}: ${(cause as Error).message}`, { cause });
    }
    try {
      return new InstanceLock(await RocksDbStore.open(folder));
    } catch (error) {
      if (error instanceof StoreUnavailableError && isLockHeld(error))
        throw new StateDirInUseError(stateDir, { cause: error });
      if (!(error instanceof CorruptStoreError)) throw error;
      await setAsideFolder(folder, error.message, clock.now());
      return new InstanceLock(await RocksDbStore.open(folder));
    }
  }

  /** What was set under `name`, also by an earlier process; null where nothing was. */
  async get(name: string): Promise<string | null> {
    const [value] = await this.store.read([Buffer.from(name)]);
    return value == null ? null : value.toString();
  }

  async set(name: string, value: string): Promise<void> {
    await this.store.write([{ key: Buffer.from(name), value: Buffer.from(value) }]);
  }

  async delete(name: string): Promise<void> {
    await this.store.write([{ key: Buffer.from(name), value: null }]);
  }

  /** What is remembered under `name`, by itself. */
  word(name: string) {
    return {
      get: () => this.get(name),
      set: (value: string) => this.set(name, value),
      delete: () => this.delete(name),
    };
  }

  /** Gives the folder up. Idempotent. */
  release(): Promise<void> {
    return this.store.close();
  }
}
