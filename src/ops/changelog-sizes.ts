/**
 * The size of the changelog of each partition that runs here. It grows without limit if the log cleaner of the brokers
 * is dead.
 */
import { steadyMs } from '../lib/stopwatch.js';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { TimestampMs } from '../domain/events.js';
import type { Clock } from '../lib/clock.js';
import type { LocalPartitions } from './company-directory.js';

/** Milliseconds between two checks for new partitions. */
const SAMPLE_INTERVAL_MS = 10_000;
/**
 * Milliseconds between two requests about a partition. For each request, a broker goes through all of its partitions.
 */
const LOOK_INTERVAL_MS = 300_000;

export interface ChangelogSizesParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The partitions that are assigned now. */
  readonly local: Pick<LocalPartitions, 'statuses'>;
  /** Bytes of a changelog partition on its leader; null if the brokers may not tell. */
  readonly changelogBytes: (partition: number) => Promise<number | null>;
}

export class ChangelogSizes {
  readonly #parts: ChangelogSizesParts;
  readonly #bytes;
  /** The time of the last request about each partition. */
  readonly #askedAt = new Map<number, TimestampMs>();
  #hasWarned = false;

  constructor(parts: ChangelogSizesParts) {
    this.#parts = parts;
    this.#bytes = new Gauge({
      name: 'company_sync_changelog_size_bytes',
      help: 'Size of the changelog of a partition on the disk of its leader; absent if the brokers do not report it',
      labelNames: ['partition'],
      registers: [parts.registry],
    });
  }

  /** Samples until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, local } = this.#parts;
    while (!signal.aborted) {
      const now = steadyMs(clock);
      const assigned = local.statuses();
      for (const partition of [...this.#askedAt.keys()]) if (!assigned.has(partition)) this.#forget(partition);
      const due = [...assigned.keys()].filter((p) => now - (this.#askedAt.get(p) ?? -Infinity) >= LOOK_INTERVAL_MS);
      await Promise.all(due.map((partition) => this.#lookAt(partition, now, signal)));
      await clock.delay(SAMPLE_INTERVAL_MS, signal);
    }
  }

  async #lookAt(partition: number, now: TimestampMs, signal: AbortSignal): Promise<void> {
    const { local, logger, changelogBytes } = this.#parts;
    this.#askedAt.set(partition, now);
    try {
      const bytes = await changelogBytes(partition);
      if (bytes === null) this.#noteUnknown(partition);
      else if (local.statuses().has(partition)) this.#bytes.set({ partition }, bytes);
    } catch (err) {
      this.#bytes.remove({ partition });
      if (!signal.aborted) logger.warn({ err, partition }, 'could not get the size of the changelog');
    }
  }

  #noteUnknown(partition: number): void {
    this.#bytes.remove({ partition });
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#parts.logger.warn(
      'the brokers do not report the size of the changelog: grant Describe on the cluster to see when compaction stops ' +
        '(docs/operations.md, "Permissions")',
    );
  }

  #forget(partition: number): void {
    this.#askedAt.delete(partition);
    this.#bytes.remove({ partition });
  }
}
