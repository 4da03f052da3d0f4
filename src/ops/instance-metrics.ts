/** Metrics of one instance that no batch tells of: looked up now and then, or told at a rebalance. */
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

/** How old a sampled value may be, in addition to the time that looking takes. */
const SAMPLE_INTERVAL_MS = 10_000;
/**
 * The brokers' last answer about a partition is shown for so many milliseconds, unless they answer again: several times what
 * passes between two looks, so that one slow answer does not count.
 */
export const STALE_AFTER_MS = 60_000;
/** A look at one partition that takes longer, in milliseconds, is left to itself: the next samples pass it over. */
const LOOK_DEADLINE_MS = 5_000;
/** Looking through holds takes time by their number: after each look a rest of so many times as long. */
const RESTS_PER_LOOK = 50;

export interface InstanceMetricsParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: Pick<Logs, 'bounds' | 'committedOffset'>;
  /** The input. */
  readonly topic: string;
  readonly inputPartitions: number;
  /** Those assigned at present. */
  readonly local: LocalPartitions;
  /** How long the dead-letter topic keeps a record; Infinity where that has no limit. */
  readonly deadLetterRetentionMs: number;
  readonly stateSize: () => Promise<StateSize>;
  readonly changelogBytes: ChangelogSizesParts['changelogBytes'];
  /** Records between the committed offset and the end of a partition; null if it was not told for STALE_AFTER_MS. */
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
  /** Where the readers of a partition wait for the end of a transaction, and since when; null where they do not. */
  readonly #waiting = new Map<number, { readonly offset: number; readonly sinceMs: TimestampMs } | null>();
  readonly #oldestHold;
  readonly #changelogSizes;
  /** Looks that are under way, by partition: one at a time. */
  readonly #looks = new Map<number, Promise<void>>();
  /** When the brokers last answered about a partition, or when it was assigned. */
  readonly #toldAt = new Map<number, TimestampMs>();
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
      help: 'Partitions of the input, told by each instance that takes part in the group',
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
      help: 'For how long records of the input have waited behind the same open transaction; 0 where none do',
      labelNames: ['partition'],
      registers,
    });
    this.#oldestHold = new Gauge({
      name: 'company_sync_oldest_hold_timestamp_seconds',
      help: 'Stamp of the oldest record that could not be read and holds its company, in seconds since the epoch',
      labelNames: ['partition'],
      registers,
    });
    new Gauge({
      name: 'company_sync_dead_letter_retention_seconds',
      help: 'How long the dead-letter topic keeps a record, as of the start of the instance',
      registers,
    }).set(parts.deadLetterRetentionMs / 1000);
  }

  rebalanced(active: readonly number[], standby: readonly number[]): void {
    this.#rebalances.inc();
    this.#inputPartitions.set(this.#parts.inputPartitions);
    this.#assigned.set({ role: 'active' }, active.length);
    this.#assigned.set({ role: 'standby' }, standby.length);
  }

  /** Samples until `signal` aborts. Never rejects: what cannot be looked up is logged, and expires if it lasts. */
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
      const began = clock.now();
      await sample().catch((err: unknown) => this.#couldNot(err, signal));
      await clock.delay(Math.max(SAMPLE_INTERVAL_MS, restsPerLook * (clock.now() - began)), signal);
    }
  }

  #couldNot(err: unknown, signal?: AbortSignal): void {
    if (signal?.aborted !== true) this.#parts.logger.warn({ err }, 'metrics could not be brought up to date');
  }

  /**
   * A partition that is blocked commits nothing, and one that is idle has no batches: both have a lag. Each partition is
   * looked at by itself: one that gives no answer keeps none of the others waiting.
   */
  async #sampleLag(signal: AbortSignal): Promise<void> {
    const { local, clock, onLag, oldestUncommitted } = this.#parts;
    const assigned = local.statuses();
    for (const partition of [...this.#toldAt.keys()]) if (!assigned.has(partition)) this.#forget(partition);
    for (const partition of assigned.keys()) {
      const toldAt = this.#toldAt.get(partition) ?? clock.now();
      this.#toldAt.set(partition, toldAt);
      if (clock.now() - toldAt >= STALE_AFTER_MS) {
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
    const at = { topic, partition };
    // In this order: what is committed in between must not make the lag negative.
    const committed = await logs.committedOffset(at);
    const { start, end, highWatermark } = await logs.bounds(at);
    if (!local.statuses().has(partition)) return;
    this.#toldAt.set(partition, clock.now());
    const position = committed?.offset ?? start;
    onLag(partition, Math.max(0, end - position));
    this.#tellOpenTransaction(partition, end, highWatermark);
    await oldestUncommitted.sampled(partition, position, end);
  }

  #forget(partition: number): void {
    this.#toldAt.delete(partition);
    this.#waiting.delete(partition);
    this.#openTransaction.remove({ partition });
  }

  /** Lag does not show such a transaction, for it counts what can be read. */
  #tellOpenTransaction(partition: number, readableTo: number, highWatermark: number): void {
    const now = this.#parts.clock.now();
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
    for (const partition of this.#held) if (!assigned.has(partition)) this.#tellOldestHold(partition, null);
  }

  async #sampleHoldsOf(partition: number): Promise<void> {
    const rows = this.#parts.local.committed(partition);
    if (rows === null) return;
    try {
      this.#tellOldestHold(partition, await oldestHold(rows));
    } finally {
      await rows.close();
    }
  }

  #tellOldestHold(partition: number, stamp: TimestampMs | null): void {
    if (stamp === null) {
      this.#held.delete(partition);
      this.#oldestHold.remove({ partition });
    } else {
      this.#held.add(partition);
      this.#oldestHold.set({ partition }, stamp / 1000);
    }
  }
}
