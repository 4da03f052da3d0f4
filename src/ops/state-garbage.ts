/**
 * Removes state that nobody uses: folders that were set aside, and folders of partitions that this instance neither
 * runs nor keeps a standby of. They are kept for some time: if the partition comes back, it replays only the end of its
 * changelog. The folder of a partition is kept for longer while the changelog lacks its last rows: it may be the only copy
 * of them, and the partition `blocked` on another instance. The modification time of a folder shows when it was last in use: each sweep sets it for the folders in
 * use. So a restart of the process does not change how long a folder is kept.
 */
import type { Clock } from '../lib/clock.js';
import type { StatePositions } from '../pipeline/state-positions.js';
import type { PipelineObserver } from '../pipeline/observer.js';
import type { CallDeadline } from '../store/call-deadline.js';
import type { ExclusiveStateDirectory } from '../store/exclusive-state-directory.js';
import type { StateFolder } from '../store/state-folders.js';
import type { StateRows } from '../store/state-rows.js';
import type { StateVolume } from '../store/state-volume.js';

export interface StateGarbageOptions {
  readonly folders: Pick<StateVolume, 'boundInfoLogs' | 'listFolders' | 'markUsed' | 'removeFolder' | 'stateRows'>;
  readonly retentionMs: number;
  readonly state: Pick<ExclusiveStateDirectory, 'ifUnused'>;
  /** Whether this instance runs the partition or keeps a standby of it. */
  readonly isUsed: (partition: number) => boolean;
  /** Whether the changelog gives a state at least as new as these rows. Ends early when `signal` aborts. */
  readonly isInChangelog: (partition: number, rows: StateRows, signal: AbortSignal) => Promise<boolean>;
  readonly statePositions: Pick<StatePositions, 'forget'>;
  /** Limits each step. */
  readonly volume: CallDeadline;
  readonly clock: Clock;
  readonly observer: Pick<PipelineObserver, 'diskUse' | 'stateRemoved' | 'sweepError'>;
}

const SWEEP_MS = 60_000;
/** Time limit of one step. Removing a large folder takes tens of seconds. */
const STEP_DEADLINE_MS = 600_000;

export class StateGarbage {
  readonly #stopping = new AbortController();
  #ended: Promise<void> | null = null;

  constructor(private readonly options: StateGarbageOptions) {}

  /** Sweeps now, and every minute until `close`. Call it after the group has assigned partitions. Idempotent. */
  start(): void {
    this.#ended ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  /**
   * Measures every folder, notes which folders are in use, and removes those unused for longer than the retention.
   * Empties RocksDB's own logs that have grown too large. Ends early after `close`.
   * @throws StoreUnavailableError while the volume does not answer; what the file system refuses
   */
  async sweep(): Promise<void> {
    const { folders, retentionMs, clock, observer } = this.options;
    const wallMs = clock.now();
    await this.#step('looking at the logs', () => folders.boundInfoLogs());
    const kept: StateFolder[] = [];
    for (const folder of await this.#step('measuring', () => folders.listFolders())) {
      if (this.#stopping.signal.aborted) return;
      const { path, partition, lastUsedMs } = folder;
      if (partition !== null && this.options.isUsed(partition))
        await this.#step('marking', () => folders.markUsed(path, wallMs));
      else if (
        wallMs - lastUsedMs > retentionMs &&
        (await this.#isSpare(folder)) &&
        (await this.#step('removing', () => this.#remove(folder)))
      ) {
        observer.stateRemoved(path, wallMs - lastUsedMs, folder.bytes);
        continue;
      }
      kept.push(folder);
    }
    observer.diskUse(kept.map(({ partition, bytes }) => ({ partition, bytes })));
  }

  #step<T>(doing: string, step: () => Promise<T>): Promise<T> {
    return this.options.volume.within(STEP_DEADLINE_MS, `${doing} in STATE_DIR for the sweep`, step);
  }

  /** Whether nobody needs the folder. If the brokers do not tell, the folder is kept until a later sweep. */
  async #isSpare({ path, partition }: StateFolder): Promise<boolean> {
    if (partition === null) return true;
    const { folders, isInChangelog, observer } = this.options;
    const { signal } = this.#stopping;
    try {
      const rows = await this.#step('reading', () => folders.stateRows(path));
      return rows === null || (await isInChangelog(partition, rows, signal));
    } catch (error) {
      if (!signal.aborted) observer.sweepError(error);
      return false;
    }
  }

  async #remove({ path, partition }: StateFolder): Promise<boolean> {
    const { folders, state, statePositions } = this.options;
    if (partition !== null)
      return state.ifUnused(partition, async () => {
        statePositions.forget(partition);
        await folders.removeFolder(path);
      });
    await folders.removeFolder(path);
    return true;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, observer } = this.options;
    while (!signal.aborted) {
      try {
        await this.sweep();
      } catch (error) {
        observer.sweepError(error);
      }
      await clock.delay(SWEEP_MS, signal);
    }
  }
}
