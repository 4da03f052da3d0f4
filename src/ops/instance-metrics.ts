/** Metrics of one instance that no batch tells of: looked up now and then, or told at a rebalance. */
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../lib/clock.js';
import type { Logs } from '../pipeline/ports.js';
import type { StateSize } from '../store/state-size.js';

/** How old a sampled value may be, besides the time that looking takes. */
const SAMPLE_INTERVAL_MS = 10_000;

export interface InstanceMetricsParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: Pick<Logs, 'bounds' | 'committedOffset'>;
  /** The input. */
  readonly topic: string;
  readonly inputPartitions: number;
  /** Those assigned at present. */
  readonly partitions: () => Iterable<number>;
  readonly stateSize: () => Promise<StateSize>;
  /** Records between the committed offset and the end of a partition. */
  readonly onLag: (partition: number, records: number) => void;
}

export class InstanceMetrics {
  readonly #parts: InstanceMetricsParts;
  readonly #rebalances;
  readonly #assigned;
  readonly #inputPartitions;
  readonly #storeBytes;
  readonly #setAsideBytes;

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
  }

  rebalanced(active: readonly number[], standby: readonly number[]): void {
    this.#rebalances.inc();
    this.#inputPartitions.set(this.#parts.inputPartitions);
    this.#assigned.set({ role: 'active' }, active.length);
    this.#assigned.set({ role: 'standby' }, standby.length);
  }

  /** Samples until `signal` aborts. Never rejects: what cannot be looked up keeps its value, and that is logged. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!signal.aborted) {
      for (const outcome of await Promise.allSettled([this.#sampleLag(), this.#sampleStore()]))
        if (outcome.status === 'rejected' && !signal.aborted)
          logger.warn({ err: outcome.reason as unknown }, 'metrics could not be brought up to date');
      await clock.delay(SAMPLE_INTERVAL_MS, signal);
    }
  }

  /** A partition that is blocked commits nothing, and one that is idle has no batches: both have a lag. */
  async #sampleLag(): Promise<void> {
    const { logs, topic, partitions, onLag } = this.#parts;
    const sample = async (partition: number) => {
      const at = { topic, partition };
      // In this order: what is committed in between must not make the lag negative.
      const committed = await logs.committedOffset(at);
      const { start, end } = await logs.bounds(at);
      onLag(partition, Math.max(0, end - (committed ?? start)));
    };
    await Promise.all([...partitions()].map(sample));
  }

  async #sampleStore(): Promise<void> {
    const { partitions, setAside } = await this.#parts.stateSize();
    this.#storeBytes.reset();
    for (const [partition, bytes] of partitions) this.#storeBytes.set({ partition }, bytes);
    this.#setAsideBytes.set(setAside);
  }
}
