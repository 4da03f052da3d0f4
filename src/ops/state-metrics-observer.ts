import { Counter, Gauge, type Registry } from 'prom-client';
import type { PartitionStatus, PipelineObserver, RestoreProgress, StandbyProgress } from '../pipeline/observer.js';

const PREFIX = 'company_sync_';

/**
 * Metrics of state in progress: restores, standbys, removals. `MetricsObserver` has the metrics of running partitions.
 */
export class StateMetricsObserver implements Partial<PipelineObserver> {
  readonly #restoredBytes;
  readonly #restoreSeconds;
  readonly #standbyLag;
  readonly #standbyErrors;
  readonly #removed;
  /** Partition -> changelog offsets behind, at the last read. */
  readonly #standbys = new Map<number, number>();
  /** The bytes that each restore in progress has reported so far. */
  readonly #bytesReported = new Map<number, number>();

  /**
   * @param isCutOff whether the standby of a partition cannot read. Its knowledge of the changelog's end is then old.
   */
  constructor(
    registry: Registry,
    private readonly isCutOff: (partition: number) => boolean,
  ) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Counter({ name: PREFIX + name, help, labelNames, registers });
    const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Gauge({ name: PREFIX + name, help, labelNames, registers });
    this.#restoredBytes = counter('restored_bytes_total', 'Keys and values of the records replayed', ['partition']);
    this.#restoreSeconds = gauge('restore_remaining_seconds', 'Time left at the rate so far', ['partition']);
    const collect = () => this.#setStandbyLag();
    this.#standbyLag = new Gauge({
      name: `${PREFIX}standby_lag_records`,
      help: 'Changelog offsets that a standby is behind',
      labelNames: ['partition'],
      registers,
      collect,
    });
    this.#standbyErrors = counter('standby_errors_total', 'Errors after which a standby began again', ['partition']);
    this.#removed = counter('state_removed_total', 'State folders removed after STATE_RETENTION', []);
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state === 'restoring') return;
    this.#bytesReported.delete(partition);
    this.#restoreSeconds.remove({ partition });
  }

  restore(partition: number, { bytes, remainingMs }: RestoreProgress): void {
    this.#restoredBytes.inc({ partition }, bytes - (this.#bytesReported.get(partition) ?? 0));
    this.#bytesReported.set(partition, bytes);
    if (remainingMs !== null) this.#restoreSeconds.set({ partition }, remainingMs / 1000);
  }

  standby(partition: number, progress: StandbyProgress | null): void {
    if (progress === null) this.#standbys.delete(partition);
    else this.#standbys.set(partition, progress.end - progress.position);
  }

  standbyError(partition: number): void {
    this.#standbyErrors.inc({ partition });
  }

  #setStandbyLag(): void {
    this.#standbyLag.reset();
    for (const [partition, lag] of this.#standbys)
      if (!this.isCutOff(partition)) this.#standbyLag.set({ partition }, lag);
  }

  stateRemoved(): void {
    this.#removed.inc();
  }
}
