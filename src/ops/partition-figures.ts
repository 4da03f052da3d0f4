/**
 * The latest figures of each partition, for `GET /partitions` and the page: lag, throughput of the last seconds,
 * restores, standbys and bytes on the disk. Prometheus has its own counters.
 */
import { SECOND_MS } from '../lib/time-units.js';
import type {
  BatchReport,
  FolderUse,
  PartitionStatus,
  PipelineObserver,
  RestoreProgress,
  StandbyProgress,
} from '../pipeline/observer.js';
import type { Failure } from './failure-watch.js';

export interface Figures {
  /** Input position; null until a batch is processed. */
  readonly position: number | null;
  /** Records between the position and the end of the log; null while that is unknown. */
  readonly lag: number | null;
  /** The brokers have confirmed neither position nor lag for a while (STALE_AFTER_MS of instance-metrics.ts). */
  readonly stale: boolean;
  readonly recordsPerSecond: number;
  /** How much of the changelog is replayed; null unless the state is being restored. */
  readonly restoredPercent: number | null;
  /** Present while the state is being restored. */
  readonly restore?: RestoreProgress;
  /** Bytes of the partition's state on the disk, measured within the last minute. */
  readonly stateBytes?: number;
}

/** A partition as `GET /partitions` lists it. */
export interface ListedPartition extends PartitionStatus, Figures, Partial<Failure> {
  readonly partition: number;
}

export interface StandbyFigures extends StandbyProgress {
  readonly partition: number;
  /** Changelog offsets behind. */
  readonly lag: number;
}

/** Throughput is the mean of this many seconds. */
const WINDOW_S = 5;
export const NO_FIGURES: Figures = {
  position: null,
  lag: null,
  stale: false,
  recordsPerSecond: 0,
  restoredPercent: null,
};

interface Known {
  position: number | null;
  lag: number | null;
  stale: boolean;
  restore: RestoreProgress | null;
  /** Second -> records, of the window. */
  readonly records: Map<number, number>;
}

export class PartitionFigures implements Partial<PipelineObserver> {
  readonly #known = new Map<number, Known>();
  readonly #standbys = new Map<number, StandbyProgress>();
  /** By partition; null stands for all folders that were set aside. */
  readonly #bytes = new Map<number | null, number>();

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  of(partition: number): Figures {
    const stateBytes = this.#bytes.get(partition);
    const onDisk = stateBytes === undefined ? {} : { stateBytes };
    const known = this.#known.get(partition);
    if (known === undefined) return { ...NO_FIGURES, ...onDisk };
    const { position, lag, stale, restore, records } = known;
    const currentSecond = this.#second();
    let sum = 0;
    // The current second is not over yet.
    for (const [second, count] of records)
      if (second < currentSecond && second >= currentSecond - WINDOW_S) sum += count;
    const figures = { position, lag, stale, recordsPerSecond: Math.round(sum / WINDOW_S), ...onDisk };
    if (restore === null) return { ...figures, restoredPercent: null };
    return { ...figures, restoredPercent: percentOf(restore), restore };
  }

  /** The standbys on this instance, in the order of their partitions. */
  standbys(): StandbyFigures[] {
    return [...this.#standbys]
      .sort(([a], [b]) => a - b)
      .map(([partition, progress]) => ({ partition, ...progress, lag: progress.end - progress.position }));
  }

  /** Bytes of all state folders, including those set aside. */
  get stateBytes(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state === 'closed') this.#known.delete(partition);
    else if (state !== 'restoring') this.#of(partition).restore = null;
  }

  batch(partition: number, { records, position, lag }: BatchReport): void {
    const known = this.#of(partition);
    const currentSecond = this.#second();
    known.position = position;
    this.lag(partition, lag);
    known.records.set(currentSecond, (known.records.get(currentSecond) ?? 0) + records);
    for (const second of known.records.keys()) if (second < currentSecond - WINDOW_S) known.records.delete(second);
  }

  /** Takes the lag of a partition, which may have no batches. @param records null when the lag is no longer known */
  lag(partition: number, records: number | null): void {
    const known = this.#of(partition);
    known.lag = records;
    known.stale = records === null;
  }

  restore(partition: number, progress: RestoreProgress): void {
    this.#of(partition).restore = progress;
  }

  standby(partition: number, progress: StandbyProgress | null): void {
    if (progress === null) this.#standbys.delete(partition);
    else this.#standbys.set(partition, progress);
  }

  diskUse(folders: readonly FolderUse[]): void {
    this.#bytes.clear();
    for (const { partition, bytes } of folders) this.#bytes.set(partition, (this.#bytes.get(partition) ?? 0) + bytes);
  }

  #second(): number {
    return Math.floor(this.now() / SECOND_MS);
  }

  #of(partition: number): Known {
    let known = this.#known.get(partition);
    if (known === undefined) {
      known = { position: null, lag: null, stale: false, restore: null, records: new Map() };
      this.#known.set(partition, known);
    }
    return known;
  }
}

function percentOf({ position, start, end }: RestoreProgress): number {
  return Math.min(100, Math.floor((100 * (position - start)) / Math.max(1, end - start)));
}
