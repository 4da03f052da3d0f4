/** Counts what an instance did, over all its processes, from its log and its metrics. */
import type { LogLine } from '../processor.js';

const TRANSACTIONS = /^company_sync_batch_duration_seconds_count (\d+)$/m;
const FAILED = 'taking the partition over again after an error';

export class InstanceFigures {
  /** Partitions that the instance took over and began to run. */
  takeOvers = 0;
  #former = 0;
  #latest = 0;
  /** The last state of each partition. */
  readonly #states = new Map<number, string>();

  /** Committed, except those of a killed process after its last measurement. */
  get transactions(): number {
    return this.#former + this.#latest;
  }

  /** A new process counts from 0. */
  started(): void {
    this.#former += this.#latest;
    this.#latest = 0;
    this.#states.clear();
  }

  logged({ msg, partition, state }: LogLine): void {
    if (partition === undefined) return;
    const now = msg === FAILED ? 'failed' : state;
    if (typeof now !== 'string') return;
    const before = this.#states.get(partition) ?? '';
    // A partition that waited, for example for the registry, runs again without a take-over.
    if (now === 'running' && before !== 'running' && !before.startsWith('waiting-for-')) this.takeOvers++;
    this.#states.set(partition, now);
  }

  /** @param metrics of the process that runs now, in the format of Prometheus */
  measured(metrics: string): void {
    const [, count] = TRANSACTIONS.exec(metrics) ?? [];
    if (count !== undefined) this.#latest = Math.max(this.#latest, Number(count));
  }
}
