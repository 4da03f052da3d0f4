/** Metrics of one instance that no batch tells of: looked up now and then, or told at a rebalance. */
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { TimestampMs } from '../domain/events.js';
import type { Clock } from '../lib/clock.js';
import type { Logs } from '../pipeline/ports.js';
import { oldestHold } from '../store/oldest-hold.js';
import type { StateSize } from '../store/state-size.js';
import type { LocalPartitions } from './company-directory.js';
import type { OldestUncommitted } from './oldest-uncommitted.js';

/** How old a sampled value may be, besides the time that looking takes. */
const SAMPLE_INTERVAL_MS = 10_000;
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
  /** Records between the committed offset and the end of a partition. */
  readonly onLag: (partition: number, records: number) => void;
  readonly oldestUncommitted: Pick<OldestUncommitted, 'sampled'>;
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
  /** The partitions that `#oldestHold` tells of. */
  readonly #held = new Set<number>();

  constructor(parts: InstanceMetricsParts) {
    this.#parts = parts;
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

  /** Samples until `signal` aborts. Never rejects: what cannot be looked up keeps its value, and that is logged. */
  async run(signal: AbortSignal): Promise<void> {
    const figures = [() => this.#sampleLag(), () => this.#sampleStore(), () => this.#sampleHolds()];
    await Promise.all(figures.map((sample) => this.#repeat(sample, signal)));
  }

  async #repeat(sample: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!signal.aborted) {
      const began = clock.now();
      try {
        await sample();
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'metrics could not be brought up to date');
      }
      await clock.delay(Math.max(SAMPLE_INTERVAL_MS, RESTS_PER_LOOK * (clock.now() - began)), signal);
    }
  }

  /** A partition that is blocked commits nothing, and one that is idle has no batches: both have a lag. */
  async #sampleLag(): Promise<void> {
    const { logs, topic, local, onLag, oldestUncommitted } = this.#parts;
    const sample = async (partition: number) => {
      const at = { topic, partition };
      // In this order: what is committed in between must not make the lag negative.
      const committed = await logs.committedOffset(at);
      const { start, end, highWatermark } = await logs.bounds(at);
      const position = committed?.offset ?? start;
      onLag(partition, Math.max(0, end - position));
      this.#tellOpenTransaction(partition, end, highWatermark);
      await oldestUncommitted.sampled(partition, position, end);
    };
    const assigned = local.statuses();
    for (const partition of this.#waiting.keys())
      if (!assigned.has(partition)) {
        this.#waiting.delete(partition);
        this.#openTransaction.remove({ partition });
      }
    await Promise.all([...assigned.keys()].map(sample));
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

  /** A partition whose rows cannot be read now keeps what was told of it; one that is gone is told of by its owner. */
  async #sampleHolds(): Promise<void> {
    const { local } = this.#parts;
    for (const partition of local.statuses().keys()) {
      const rows = local.committed(partition);
      if (rows === null) continue;
      try {
        this.#tellOldestHold(partition, await oldestHold(rows));
      } finally {
        await rows.close();
      }
    }
    const assigned = local.statuses();
    for (const partition of this.#held) if (!assigned.has(partition)) this.#tellOldestHold(partition, null);
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
