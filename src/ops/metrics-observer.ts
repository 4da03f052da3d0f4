import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Announcement } from '../domain/announcement.js';
import type { Poison } from '../decode/poison.js';
import type {
  BatchReport,
  PartitionState,
  PartitionStatus,
  PipelineObserver,
  RestoreProgress,
} from '../pipeline/observer.js';

const PREFIX = 'company_sync_';

/** Counts what happens, for Prometheus. */
export class MetricsObserver implements PipelineObserver {
  readonly #records;
  readonly #batchSeconds;
  readonly #announced;
  readonly #deadLetters;
  readonly #unknownStatuses;
  readonly #forgotten;
  readonly #setAside;
  readonly #takeOverErrors;
  readonly #lag;
  readonly #state;
  readonly #restored;
  readonly #states = new Map<number, PartitionState>();

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Counter({ name: PREFIX + name, help, labelNames, registers });
    const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Gauge({ name: PREFIX + name, help, labelNames, registers });

    this.#records = counter('records_total', 'Input records processed', ['partition']);
    this.#announced = counter('announced_total', 'Companies announced, by the policy that fired', ['policy']);
    this.#deadLetters = counter('dead_letters_total', 'Records set aside in the dead-letter topic', ['code']);
    this.#unknownStatuses = counter('unknown_statuses_total', 'Status records with a word that is not known', []);
    this.#forgotten = counter('forgotten_early_datasets_total', 'Datasets forgotten before any manifest came', []);
    this.#setAside = counter('state_set_aside_total', 'State folders set aside and rebuilt', ['partition']);
    this.#takeOverErrors = counter('partition_errors_total', 'Errors after which a partition was taken over anew', [
      'partition',
      'error',
    ]);
    this.#lag = gauge('lag_records', 'Input records between position and last stable offset', ['partition']);
    this.#state = gauge('partition_state', '1 for the state that the partition is in', ['partition', 'state']);
    this.#restored = gauge('restore_remaining_records', 'Changelog offsets left to restore', ['partition']);
    this.#batchSeconds = new Histogram({
      name: `${PREFIX}batch_duration_seconds`,
      help: 'From the answer of a fetch to the commit of its transaction',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
  }

  state(partition: number, { state }: PartitionStatus): void {
    const former = this.#states.get(partition);
    if (former !== undefined) this.#state.remove({ partition, state: former });
    this.#states.set(partition, state);
    if (state !== 'closed') this.#state.set({ partition, state }, 1);
    else for (const gauge of [this.#lag, this.#restored]) gauge.remove({ partition });
  }

  step(): void {}

  batch(partition: number, { records, durationMs, lag }: BatchReport): void {
    this.#records.inc({ partition }, records);
    this.#batchSeconds.observe(durationMs / 1000);
    this.#lag.set({ partition }, lag);
  }

  restore(partition: number, { position, end }: RestoreProgress): void {
    this.#restored.set({ partition }, Math.max(0, end - position));
  }

  announced(_partition: number, { policy }: Announcement): void {
    this.#announced.inc({ policy });
  }

  poison(_partition: number, { code }: Poison): void {
    this.#deadLetters.inc({ code });
  }

  unknownStatus(): void {
    this.#unknownStatuses.inc();
  }

  forgotEarlyDatasets(_companyId: string, count: number): void {
    this.#forgotten.inc(count);
  }

  setAside(partition: number): void {
    this.#setAside.inc({ partition });
  }

  error(partition: number, error: unknown): void {
    this.#takeOverErrors.inc({ partition, error: error instanceof Error ? error.name : 'unknown' });
  }
}
