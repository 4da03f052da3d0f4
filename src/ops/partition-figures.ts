/** Lag and throughput of each partition, of the last seconds: for people who watch. Prometheus has its own counters. */
import type { Failure } from './failure-watch.js';
import type { BatchReport, PartitionStatus, PipelineObserver, RestoreProgress } from '../pipeline/observer.js';

export interface Figures {
  /** Input position; null where nothing was processed yet. */
  readonly position: number | null;
  /** Records between the position and the end of the log; null if that is not known. */
  readonly lag: number | null;
  /** The brokers have confirmed neither position nor lag for a while (STALE_AFTER_MS of instance-metrics.ts). */
  readonly stale: boolean;
  readonly recordsPerSecond: number;
  /** How much of the changelog is replayed, while it is. */
  readonly restoredPercent: number | null;
}

export interface PartitionView extends PartitionStatus, Figures, Partial<Failure> {
  readonly partition: number;
}

/** Throughput is the mean of so many seconds. */
const WINDOW_S = 5;
const SECOND_MS = 1_000;
const NOTHING: Figures = { position: null, lag: null, stale: false, recordsPerSecond: 0, restoredPercent: null };

interface Known {
  position: number | null;
  lag: number | null;
  stale: boolean;
  restoredPercent: number | null;
  /** Second -> records, of the window. */
  readonly records: Map<number, number>;
}

export class PartitionFigures implements Partial<PipelineObserver> {
  readonly #known = new Map<number, Known>();

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  of(partition: number): Figures {
    const known = this.#known.get(partition);
    if (known === undefined) return NOTHING;
    const { position, lag, stale, restoredPercent, records } = known;
    const second = this.#second();
    let sum = 0;
    // The second under way is not over yet.
    for (const [at, count] of records) if (at < second && at >= second - WINDOW_S) sum += count;
    return { position, lag, stale, recordsPerSecond: Math.round(sum / WINDOW_S), restoredPercent };
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state === 'closed') this.#known.delete(partition);
    else if (state !== 'restoring') this.#of(partition).restoredPercent = null;
  }

  batch(partition: number, { records, position, lag }: BatchReport): void {
    const known = this.#of(partition);
    const second = this.#second();
    known.position = position;
    this.lag(partition, lag);
    known.records.set(second, (known.records.get(second) ?? 0) + records);
    for (const at of known.records.keys()) if (at < second - WINDOW_S) known.records.delete(at);
  }

  /** Also of a partition that has no batches. @param records null if it is not known any more */
  lag(partition: number, records: number | null): void {
    const known = this.#of(partition);
    known.lag = records;
    known.stale = records === null;
  }

  restore(partition: number, { position, start, end }: RestoreProgress): void {
    this.#of(partition).restoredPercent = Math.min(
      100,
      Math.floor((100 * (position - start)) / Math.max(1, end - start)),
    );
  }

  #second(): number {
    return Math.floor(this.now() / SECOND_MS);
  }

  #of(partition: number): Known {
    let known = this.#known.get(partition);
    if (known === undefined) {
      known = { position: null, lag: null, stale: false, restoredPercent: null, records: new Map() };
      this.#known.set(partition, known);
    }
    return known;
  }
}
