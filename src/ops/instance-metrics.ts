/** Metrics of one instance that batches do not report: they are sampled, or set at a rebalance. */
import { steadyMs } from '../lib/stopwatch.js';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { TimestampMs } from '../domain/events.js';
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import type { Logs } from '../pipeline/ports.js';
import { oldestHold } from '../store/oldest-hold.js';
import type { StateSize } from '../store/state-size.js';
import { ChangelogSizes, type ChangelogSizesParts } from './changelog-sizes.js';
import type { LocalPartitions } from './company-directory.js';
import type { OldestUncommitted } from './oldest-uncommitted.js';

/** The age that a sampled value may have, in addition to the time that the look-up takes. */
const SAMPLE_INTERVAL_MS = 10_000;
/**
 * The brokers' last answer about a partition is shown for this many milliseconds, unless they answer again. That is
 * several times the interval between two look-ups, so one slow answer does not matter.
 */
export const STALE_AFTER_MS = 60_000;
/**
 * If the look-up of one partition takes longer than this, in milliseconds, it continues alone, and the next samples
 * skip the partition.
 */
const LOOK_DEADLINE_MS = 5_000;
/**
 * The time of a look-up grows with the number of holds. After each look-up, the sampler waits this many times as long.
 */
const RESTS_PER_LOOK = 50;

export interface InstanceMetricsParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: Pick<Logs, 'bounds' | 'committedOffset'>;
  /** The input. */
  readonly topic: string;
  readonly inputPartitions: number;
  /** The partitions that are assigned now. */
  readonly local: LocalPartitions;
  /** The time that the dead-letter topic keeps a record; Infinity if it has no limit. */
  readonly deadLetterRetentionMs: number;
  readonly stateSize: () => Promise<StateSize>;
  readonly changelogBytes: ChangelogSizesParts['changelogBytes'];
  /**
   * Called with the records between the group's offset and the end of a partition; null if the brokers did not
   * report it for STALE_AFTER_MS.
   */
  readonly onLag: (partition: number, records: number | null) => void;
  readonly oldestUncommitted: Pick<OldestUncommitted, 'sampled' | 'stale'>;
}

export class InstanceMetrics {
  readonly #parts: InstanceMetricsParts;
  readonly #rebalances;
  readonly #assigned;
  readonly #inputPartitions;
  readonly #storeBytes;
  readonly #setAsideBytes;
  readonly #openTransaction;
  /**
   * The offset at which the readers of a partition wait for the end of a transaction, and since when; null if they do
   * not wait.
   */
  readonly #waiting = new Map<number, { readonly offset: number; readonly sinceMs: TimestampMs } | null>();
  readonly #oldestHold;
  readonly #changelogSizes;
  /** The look-ups in progress, by partition: one at a time for each. */
  readonly #looks = new Map<number, Promise<void>>();
  /** The time at which the brokers last answered about a partition, or at which it was assigned. */
  readonly #confirmedAt = new Map<number, TimestampMs>();
  /** The partitions that `#oldestHold` has a value of. */
  readonly #held = new Set<number>();

  constructor(parts: InstanceMetricsParts) {
    this.#parts = parts;
    this.#changelogSizes = new ChangelogSizes(parts);
    const registers = [parts.registry];
    this.#rebalances = new Counter({
      name: 'company_sync_rebalances_total',
      help: 'Rebalances of the group that this instance went through',
      registers,
    });
    this.#assigned = new Gauge({
      name: 'company_sync_assigned_partitions',
      help: 'Partitions that this instance runs (active) or keeps a standby of',
      labelNames: ['role'],
      registers,
    });
    this.#inputPartitions = new Gauge({
      name: 'company_sync_input_partitions',
      help: 'Partitions of the input, reported by each instance that takes part in the group',
      registers,
    });
    this.#inputPartitions.remove();
    this.#storeBytes = new Gauge({
      name: 'company_sync_store_size_bytes',
      help: 'Size of the state folder of a partition on the disk',
      labelNames: ['partition'],
      registers,
    });
    this.#setAsideBytes = new Gauge({
      name: 'company_sync_store_set_aside_bytes',
      help: 'Size of the state folders that were set aside and can be deleted',
      registers,
    });
    this.#openTransaction = new Gauge({
      name: 'company_sync_input_open_transaction_seconds',
      help: 'Seconds for which input records have waited behind the same open transaction; 0 if none wait',
      labelNames: ['partition'],
      registers,
    });
    this.#oldestHold = new Gauge({
      name: 'company_sync_oldest_hold_timestamp_seconds',
      help: 'Timestamp of the oldest bad record that holds its company, in seconds since the epoch',
      labelNames: ['partition'],
      registers,
    });
    new Gauge({
      name: 'company_sync_dead_letter_retention_seconds',
      help: 'Seconds that the dead-letter topic keeps a record, read when the instance started',
      registers,
    }).set(parts.deadLetterRetentionMs / 1000);
  }

  rebalanced(active: readonly number[], standby: readonly number[]): void {
    this.#rebalances.inc();
    this.#inputPartitions.set(this.#parts.inputPartitions);
    this.#assigned.set({ role: 'active' }, active.length);
    this.#assigned.set({ role: 'standby' }, standby.length);
  }

  /**
   * Samples until `signal` aborts. Never rejects: a value that cannot be looked up is logged, and expires if the error
   * lasts.
   */
  async run(signal: AbortSignal): Promise<void> {
    const figures = [
      { sample: () => this.#sampleStore(), restsPerLook: RESTS_PER_LOOK },
      { sample: () => this.#sampleHolds(), restsPerLook: RESTS_PER_LOOK },
      { sample: () => this.#sampleLag(signal), restsPerLook: 0 },
    ];
    const repeated = figures.map(({ sample, restsPerLook }) => this.#repeat(sample, restsPerLook, signal));
    await Promise.all([...repeated, this.#changelogSizes.run(signal)]);
  }

  async #repeat(sample: () => Promise<void>, restsPerLook: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      const began = steadyMs(clock);
      await sample().catch((err: unknown) => this.#couldNot(err, signal));
      await clock.delay(Math.max(SAMPLE_INTERVAL_MS, restsPerLook * (steadyMs(clock) - began)), signal);
    }
  }

  #couldNot(err: unknown, signal?: AbortSignal): void {
    if (signal?.aborted !== true) this.#parts.logger.warn({ err }, 'could not update metrics');
  }

  /**
   * Samples the lag, also of partitions that are blocked or idle and have no batches. Looks at each partition
   * separately, so that one without an answer does not delay the others.
   */
  async #sampleLag(signal: AbortSignal): Promise<void> {
    const { local, clock, onLag, oldestUncommitted } = this.#parts;
    const assigned = local.statuses();
    for (const partition of [...this.#confirmedAt.keys()]) if (!assigned.has(partition)) this.#forget(partition);
    for (const partition of assigned.keys()) {
      const confirmedAt = this.#confirmedAt.get(partition) ?? steadyMs(clock);
      this.#confirmedAt.set(partition, confirmedAt);
      if (steadyMs(clock) - confirmedAt >= STALE_AFTER_MS) {
        onLag(partition, null);
        oldestUncommitted.stale(partition);
        this.#openTransaction.remove({ partition });
      }
      if (this.#looks.has(partition)) continue;
      const look = this.#lookAt(partition)
        .catch((err: unknown) => this.#couldNot(err, signal))
        .finally(() => this.#looks.delete(partition));
      this.#looks.set(partition, look);
    }
    await settlesWithin(Promise.all(this.#looks.values()), clock, LOOK_DEADLINE_MS);
  }

  async #lookAt(partition: number): Promise<void> {
    const { logs, topic, clock, local, onLag, oldestUncommitted } = this.#parts;
    const log = { topic, partition };
    // In this order, a commit between the two questions does not make the lag negative.
    const committed = await logs.committedOffset(log);
    const { start, end, highWatermark } = await logs.bounds(log);
    if (!local.statuses().has(partition)) return;
    this.#confirmedAt.set(partition, steadyMs(clock));
    const position = committed?.offset ?? start;
    onLag(partition, Math.max(0, end - position));
    this.#setOpenTransaction(partition, end, highWatermark);
    await oldestUncommitted.sampled(partition, position, end);
  }

  #forget(partition: number): void {
    this.#confirmedAt.delete(partition);
    this.#waiting.delete(partition);
    this.#openTransaction.remove({ partition });
  }

  /** Lag does not show such a transaction, because it counts only records that can be read. */
  #setOpenTransaction(partition: number, readableTo: number, highWatermark: number): void {
    const now = steadyMs(this.#parts.clock);
    if (readableTo >= highWatermark) this.#waiting.set(partition, null);
    else if (this.#waiting.get(partition)?.offset !== readableTo)
      this.#waiting.set(partition, { offset: readableTo, sinceMs: now });
    const sinceMs = this.#waiting.get(partition)?.sinceMs ?? now;
    this.#openTransaction.set({ partition }, (now - sinceMs) / 1000);
  }

  async #sampleStore(): Promise<void> {
    const { partitions, setAside } = await this.#parts.stateSize();
    this.#storeBytes.reset();
    for (const [partition, bytes] of partitions) this.#storeBytes.set({ partition }, bytes);
    this.#setAsideBytes.set(setAside);
  }

  /** A partition whose rows cannot be read now keeps its last value; after it has moved, its new owner reports it. */
  async #sampleHolds(): Promise<void> {
    const { local } = this.#parts;
    for (const partition of local.statuses().keys())
      await this.#sampleHoldsOf(partition).catch((err: unknown) => this.#couldNot(err));
    const assigned = local.statuses();
    for (const partition of this.#held) if (!assigned.has(partition)) this.#setOldestHold(partition, null);
  }

  async #sampleHoldsOf(partition: number): Promise<void> {
    const rows = this.#parts.local.committed(partition);
    if (rows === null) return;
    try {
      this.#setOldestHold(partition, await oldestHold(rows));
    } finally {
      await rows.close();
    }
  }

  #setOldestHold(partition: number, stamp: TimestampMs | null): void {
    if (stamp === null) {
      this.#held.delete(partition);
      this.#oldestHold.remove({ partition });
    } else {
      this.#held.add(partition);
      this.#oldestHold.set({ partition }, stamp / 1000);
    }
  }
}
