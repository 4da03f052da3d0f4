/** The age of the first input record of each partition that is not committed yet, also while nothing commits. */
import { Gauge, type Registry } from 'prom-client';
import { isDate } from '../domain/policy.js';
import type { Clock } from '../lib/clock.js';
import type { BatchReport, PartitionStatus, PipelineObserver } from '../pipeline/observer.js';
import type { Logs } from '../pipeline/ports.js';

/** A look-up that takes longer is left to the next sample. */
const PATIENCE_MS = 5_000;

interface Oldest {
  readonly stampMs: number;
  /** The input offset that it was looked up for; null for one that is taken from the last batch. */
  readonly lookedUpAt: number | null;
}

export interface OldestUncommittedOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Of its own: it must not disturb the readers of the partitions. */
  readonly logs: Pick<Logs, 'reader'>;
  /** The input. */
  readonly topic: string;
}

/**
 * A partition that moves tells by its batches: its first record left is hardly younger than the last batch. A partition
 * that did not move from one sample to the next has its first record looked up, once.
 */
export class OldestUncommitted implements Partial<PipelineObserver> {
  /** By partition; none where all is committed. */
  readonly #oldest = new Map<number, Oldest>();
  /** The committed offset of each partition at the last sample. */
  readonly #sampled = new Map<number, number>();

  constructor(private readonly options: OldestUncommittedOptions) {
    const tell = (gauge: Gauge<'partition'>) => {
      const now = options.clock.now();
      gauge.reset();
      for (const partition of this.#sampled.keys()) {
        const stampMs = this.#oldest.get(partition)?.stampMs ?? now;
        gauge.set({ partition }, Math.max(0, now - stampMs) / 1000);
      }
    };
    new Gauge({
      name: 'company_sync_oldest_uncommitted_seconds',
      help: 'Age of the first input record that is not committed yet; 0 if all are',
      labelNames: ['partition'],
      registers: [options.registry],
      collect() {
        tell(this);
      },
    });
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state !== 'closed') return;
    this.#oldest.delete(partition);
    this.#sampled.delete(partition);
  }

  batch(partition: number, { lag, latencyMs }: BatchReport): void {
    if (lag === 0) this.#oldest.delete(partition);
    else this.#note(partition, this.options.clock.now() - latencyMs, null);
  }

  /** The brokers have told nothing for a while: that all was committed is not known any more. A record that waits still does. */
  stale(partition: number): void {
    if (!this.#oldest.has(partition)) this.#sampled.delete(partition);
  }

  /**
   * Call it now and then with what is committed.
   * @param end of what can be read of the input partition
   * @throws what reading throws
   */
  async sampled(partition: number, committed: number, end: number): Promise<void> {
    const hasMoved = this.#sampled.get(partition) !== committed;
    this.#sampled.set(partition, committed);
    const known = this.#oldest.get(partition);
    if (committed >= end) this.#oldest.delete(partition);
    else if (known?.lookedUpAt !== committed && (known === undefined || !hasMoved)) {
      const stampMs = await this.#stampAt(partition, committed, end);
      const isStill = this.#sampled.get(partition) === committed && this.#oldest.get(partition) === known;
      if (stampMs !== null && isStill) this.#note(partition, stampMs, committed);
    }
  }

  #note(partition: number, stampMs: number, lookedUpAt: number | null): void {
    const now = this.options.clock.now();
    // A record without a usable time counts from when it was seen.
    this.#oldest.set(partition, { stampMs: isDate(stampMs) ? Math.min(stampMs, now) : now, lookedUpAt });
  }

  /** The timestamp of the first record from an offset on; null if no record came in time. */
  async #stampAt(partition: number, from: number, end: number): Promise<number | null> {
    const { logs, clock, topic } = this.options;
    const reader = logs.reader({ topic, partition }, from);
    const enough = new AbortController();
    const tooLate = clock.delay(PATIENCE_MS, enough.signal).then(() => null);
    try {
      // Over offsets without records: markers, and records that were aborted.
      for (let position = from; position < end;) {
        const next = reader.next(1);
        next.catch(() => undefined); // It ends with an error if it comes too late.
        const batch = await Promise.race([next, tooLate]);
        const record = batch?.records[0];
        if (record !== undefined) return record.timestamp;
        if (batch === null) return null;
        position = batch.nextOffset;
      }
      return null;
    } finally {
      enough.abort();
      reader.close();
    }
  }
}
