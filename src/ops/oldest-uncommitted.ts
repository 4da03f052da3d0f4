/** The age of the first input record of each partition that is not committed yet, even if nothing commits. */
import { Gauge, type Registry } from 'prom-client';
import { isDate } from '../domain/policy.js';
import type { Clock } from '../lib/clock.js';
import type { BatchReport, PartitionStatus, PipelineObserver } from '../pipeline/observer.js';
import type { Logs } from '../pipeline/ports.js';

/** A look-up that takes longer is left to the next sample. */
const LOOK_UP_TIMEOUT_MS = 5_000;

interface Oldest {
  readonly stampMs: number;
  /** The input offset whose record was looked up; null if the time comes from the last batch. */
  readonly lookedUpAt: number | null;
}

export interface OldestUncommittedOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Separate from the partitions' logs, so that look-ups do not disturb their readers. */
  readonly logs: Pick<Logs, 'reader'>;
  /** The input. */
  readonly topic: string;
}

/**
 * While the position of a partition moves, its batches give the age: the first uncommitted record is hardly younger
 * than the last batch. If the position did not move between two samples, the first uncommitted record is looked up,
 * once.
 */
export class OldestUncommitted implements Partial<PipelineObserver> {
  /** By partition; a partition without uncommitted records has no entry. */
  readonly #oldest = new Map<number, Oldest>();
  /** The group's offset in each partition at the last sample. */
  readonly #sampled = new Map<number, number>();

  constructor(private readonly options: OldestUncommittedOptions) {
    const setGauge = (gauge: Gauge<'partition'>) => {
      const wallMs = options.clock.now();
      gauge.reset();
      for (const partition of this.#sampled.keys()) {
        const stampMs = this.#oldest.get(partition)?.stampMs ?? wallMs;
        gauge.set({ partition }, Math.max(0, wallMs - stampMs) / 1000);
      }
    };
    new Gauge({
      name: 'company_sync_oldest_uncommitted_seconds',
      help: 'Age of the first input record that is not committed yet; 0 if all are',
      labelNames: ['partition'],
      registers: [options.registry],
      collect() {
        setGauge(this);
      },
    });
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state !== 'closed') return;
    this.#oldest.delete(partition);
    this.#sampled.delete(partition);
  }

  batch(partition: number, { lag, latencyMs }: BatchReport): void {
    const wallMs = this.options.clock.now();
    if (lag === 0) this.#oldest.delete(partition);
    else this.#note(partition, wallMs - latencyMs, null);
  }

  /**
   * Call it when the brokers have not answered for some time. The age of a partition without uncommitted records is
   * then unknown. A record that was waiting still waits.
   */
  stale(partition: number): void {
    if (!this.#oldest.has(partition)) this.#sampled.delete(partition);
  }

  /**
   * Call it at intervals with the group's offset.
   * @param end the end of the readable input partition
   * @throws any error of the reader
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
    const wallMs = this.options.clock.now();
    // If a record has no usable time, its age counts from the time when it was seen.
    this.#oldest.set(partition, { stampMs: isDate(stampMs) ? Math.min(stampMs, wallMs) : wallMs, lookedUpAt });
  }

  /** The timestamp of the first record from an offset on; null if no record came in time. */
  async #stampAt(partition: number, from: number, end: number): Promise<number | null> {
    const { logs, clock, topic } = this.options;
    const reader = logs.reader({ topic, partition }, from);
    const enough = new AbortController();
    const tooLate = clock.delay(LOOK_UP_TIMEOUT_MS, enough.signal).then(() => null);
    try {
      // Skips offsets without records: markers and aborted records.
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
