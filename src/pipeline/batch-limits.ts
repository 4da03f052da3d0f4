/**
 * How large the next transaction of a partition may be, learned from earlier ones, as TCP learns its window.
 *
 * The coordinator aborts a transaction that is open for too long. Without learning, a batch that takes longer than that
 * (a quota, a slow disk, slow replicas) would be retried at the same size again and again. So a partition begins with
 * small batches. Each full and fast batch doubles the limits, up to the usual size. A slow batch reduces them in
 * proportion to its excess time. A batch that fails after it began at least halves them. Each slow failure also doubles
 * the number of fast batches that the next growth needs. So a size that fails is tried more and more rarely.
 *
 * After a slow batch, the new limits depend on its own records and rows: for example, a batch of 1 record follows a
 * slow batch of 3 records. Slowness alone never reduces the limits below 100 records, because smaller transactions cost
 * more for each record. Failures can reduce them to 1 record.
 */
import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';

/**
 * The content of a transaction: input records, and the state rows that they change. Rows matter if few records change
 * many.
 */
export interface BatchSize {
  readonly records: number;
  readonly rows: number;
}

/** Why the limits are below the usual ones. */
export interface Reduction {
  readonly cause: 'failed' | 'slow';
  /** How long the batch took that reduced the limits, in milliseconds. */
  readonly tookMs: number;
}

/**
 * Rows are limited too: a record is small, but its effect need not be. Each deletion or announcement may rewrite every
 * row of its company.
 */
export const USUAL_BATCH: BatchSize = { records: 10_000, rows: 50_000 };
const FIRST_BATCH: BatchSize = { records: 625, rows: 3_125 };
const SMALLEST_SLOW_BATCH: BatchSize = { records: 100, rows: 500 };
const SMALLEST_BATCH: BatchSize = { records: 1, rows: 1 };

/**
 * The longest that a batch should take: a fifth of the transaction timeout. A full batch of a partition that shares a
 * busy processor with others must not count as slow.
 */
const SLOW_MS = 4_000;
/** A batch faster than this would not be slow at twice the size. */
const FAST_MS = SLOW_MS / 2;
/**
 * One failure divides the limits by at most this number. For example, the duration of a batch says nothing about sizes if the
 * process was frozen for an hour.
 */
const LARGEST_CUT = 16;
/** Fast batches before the next growth: at the start; after trouble; and the most, after repeated slow failures. */
const FIRST_STREAK = 1;
const STREAK_AFTER_TROUBLE = 8;
const LONGEST_STREAK = 128;
/**
 * Trouble this old is forgotten if the limits do not restrict the batches: the partition then starts again with the
 * first limits.
 */
const FORGET_AFTER_MS = 10 * 60_000;

/** The limits of one partition while it is assigned. They survive its take-overs. */
export class BatchLimits {
  #limits = FIRST_BATCH;
  #fastBatches = 0;
  #streakToGrow = FIRST_STREAK;
  #reduction: Reduction | null = null;
  #troubleAt = 0;

  constructor(private readonly clock: SteadyClock) {}

  /** The number of input records that the next batch may have. */
  get records(): number {
    return this.#limits.records;
  }

  /** The approximate number of state rows that the next batch may change. A single record may change more. */
  get rows(): number {
    return this.#limits.rows;
  }

  /** Why the limits are below the usual ones; null if they are not. */
  get reduction(): Reduction | null {
    return this.#reduction;
  }

  /** @param tookMs from begin to commit, plus the time for which the brokers throttle later requests because of it */
  committed(batch: BatchSize, tookMs: number): void {
    if (tookMs > SLOW_MS) {
      this.#trouble({ cause: 'slow', tookMs });
      this.#reduce(batch, SLOW_MS / tookMs, SMALLEST_SLOW_BATCH);
      return;
    }
    // A batch that filled less than half of the limits says nothing about larger ones, and the limits do not restrict
    // it.
    const full = batch.records * 2 >= this.records || batch.rows * 2 >= this.rows;
    if (full && tookMs <= FAST_MS) this.#grow();
    if (!full && this.#reduction !== null && steadyMs(this.clock) - this.#troubleAt >= FORGET_AFTER_MS) this.#forget();
  }

  /** The transaction had begun and ended with an error: it was aborted, or its outcome is unknown. */
  failed(batch: BatchSize, tookMs: number): void {
    this.#trouble({ cause: 'failed', tookMs });
    if (tookMs > SLOW_MS) this.#streakToGrow = Math.min(this.#streakToGrow * 2, LONGEST_STREAK);
    const factor = Math.min(1 / 2, Math.max(1 / LARGEST_CUT, SLOW_MS / tookMs));
    // A batch that fails at once rarely fails because of its size, so a small batch proves nothing.
    this.#reduce(tookMs > SLOW_MS ? batch : this.#limits, factor, SMALLEST_BATCH);
  }

  #trouble(reduction: Reduction): void {
    this.#reduction = reduction;
    this.#troubleAt = steadyMs(this.clock);
    this.#fastBatches = 0;
    this.#streakToGrow = Math.max(this.#streakToGrow, STREAK_AFTER_TROUBLE);
  }

  #reduce(batch: BatchSize, factor: number, smallest: BatchSize): void {
    const reduced = (dimension: keyof BatchSize) => {
      const limit = this.#limits[dimension];
      return Math.min(limit, Math.max(smallest[dimension], Math.floor(Math.min(limit, batch[dimension]) * factor)));
    };
    this.#limits = { records: reduced('records'), rows: reduced('rows') };
  }

  #grow(): void {
    if (++this.#fastBatches < this.#streakToGrow) return;
    this.#fastBatches = 0;
    this.#limits = {
      records: Math.min(this.records * 2, USUAL_BATCH.records),
      rows: Math.min(this.rows * 2, USUAL_BATCH.rows),
    };
    if (this.records === USUAL_BATCH.records && this.rows === USUAL_BATCH.rows) this.#forget();
  }

  #forget(): void {
    this.#reduction = null;
    this.#fastBatches = 0;
    this.#streakToGrow = FIRST_STREAK;
    this.#limits = {
      records: Math.max(this.records, FIRST_BATCH.records),
      rows: Math.max(this.rows, FIRST_BATCH.rows),
    };
  }
}
