/**
 * Knows which parts make no progress because of errors, since when and why. A part is a partition, a standby, the
 * reader of `client-settings`, or the group membership.
 *
 * The present state of a partition is not enough: a partition that fails every few seconds is `running` in between. So
 * trouble begins with its first sign. It ends only with progress (a committed batch, or a restore or standby that gets
 * further than before), or after some time without another sign. An error that recovers at once is not reported.
 */
import { Gauge, type Registry } from 'prom-client';
import { isoTime } from '../lib/iso-time.js';
import { reasonOf } from '../lib/reason-of.js';
import type {
  BatchStep,
  PartitionStatus,
  PipelineObserver,
  RestoreProgress,
  StandbyProgress,
} from '../pipeline/observer.js';

export const WATCHED_PARTS = ['partition', 'standby', 'client-settings', 'group'] as const;
export type WatchedPart = (typeof WATCHED_PARTS)[number];

export interface Failure {
  /** RFC 3339: when the trouble began. */
  readonly failingSince: string;
  /** The last error, or what the part waits for. */
  readonly cause: string;
}

/** A part that has made no progress for FAILING_AFTER_MS. */
export interface FailingPart extends Failure {
  readonly part: WatchedPart;
  /** Null for a part that belongs to the whole instance. */
  readonly partition: number | null;
}

/** Trouble that lasts this long counts as a failure. A fence, a restart of a broker and most outages are shorter. */
export const FAILING_AFTER_MS = 60_000;
/** A partition that runs for this long without a sign of trouble counts as healthy, even if it has nothing to do. */
export const WELL_AFTER_MS = 10_000;
/** Readers report a lasting outage every 30 s, so after this time without a report the reader works again. */
export const READING_WELL_AFTER_MS = 40_000;

interface Watched {
  readonly part: WatchedPart;
  readonly partition: number | null;
  /** When the trouble began, by the clock that nobody sets; null before that. */
  since: number | null;
  cause: string;
  /** Whether the cause is an error, and not only the work in progress. */
  isError: boolean;
  /**
   * If no further trouble is reported, the trouble is over at this time. Infinity if only progress ends the trouble.
   */
  wellAt: number;
  /** The changelog offset that a restore or a standby has reached. */
  reached: number;
}

export class FailureWatch implements Partial<PipelineObserver> {
  readonly #watched = new Map<string, Watched>();

  /**
   * @param shownNow milliseconds since the epoch
   * @param now milliseconds of a clock that nobody sets
   */
  constructor(
    private readonly shownNow: () => number,
    private readonly now = shownNow,
  ) {}

  /** A sign of trouble. */
  failed(part: WatchedPart, partition: number | null, error: unknown): void {
    this.#trouble(this.#of(part, partition), reasonOf(error), true);
  }

  /** Like `failed`, for a reader. A reader tries again by itself and does not report when it works again. */
  readingFailed(part: WatchedPart, partition: number | null, error: Error): void {
    if (partition !== null && !this.#watched.has(nameOf(part, partition))) return;
    const watched = this.#of(part, partition);
    const isUp = this.#isWell(watched) || watched.wellAt < Infinity;
    this.failed(part, partition, error);
    if (isUp) watched.wellAt = this.now() + READING_WELL_AFTER_MS;
  }

  /** Like `readingFailed`, for the changelog, which a standby or a restore reads. */
  changelogFailed(partition: number, error: Error): void {
    const isStandby = this.#watched.has(nameOf('standby', partition));
    this.readingFailed(isStandby ? 'standby' : 'partition', partition, error);
  }

  progressed(part: WatchedPart, partition: number | null): void {
    const watched = this.#of(part, partition);
    watched.since = null;
    watched.isError = false;
  }

  state(partition: number, { state, reason }: PartitionStatus): void {
    const watched = this.#of('partition', partition);
    if (state === 'closed') this.#watched.delete(nameOf('partition', partition));
    else if (state === 'running') watched.wellAt = this.now() + WELL_AFTER_MS;
    else if (state === 'fencing' || state === 'restoring') this.#trouble(watched, `the partition is ${state}`, false);
    else this.#trouble(watched, reason ?? `the partition is ${state}`, reason !== null);
  }

  step(partition: number, step: BatchStep): void {
    if (step === 'confirmed') this.progressed('partition', partition);
    else this.#trouble(this.#of('partition', partition), `a batch is in progress, its last step is "${step}"`, false);
  }

  error(partition: number, error: unknown): void {
    this.failed('partition', partition, error);
  }

  restore(partition: number, { position }: RestoreProgress): void {
    const watched = this.#of('partition', partition);
    // The restore is not over yet, but makes progress.
    if (position > watched.reached) watched.since = this.now();
    watched.reached = Math.max(watched.reached, position);
  }

  restoreStalled(partition: number, { position }: RestoreProgress): void {
    const cause = `the brokers return no changelog records from offset ${position} on`;
    this.#trouble(this.#of('partition', partition), cause, true);
  }

  standby(partition: number, progress: StandbyProgress | null): void {
    const watched = this.#of('standby', partition);
    if (progress === null) this.#watched.delete(nameOf('standby', partition));
    else if (progress.position > watched.reached) this.progressed('standby', partition);
    else watched.wellAt = this.now() + WELL_AFTER_MS;
    watched.reached = Math.max(watched.reached, progress?.position ?? 0);
  }

  standbyError(partition: number, error: unknown): void {
    this.failed('standby', partition, error);
  }

  /** The parts that have failed for FAILING_AFTER_MS and still fail. */
  failing(): FailingPart[] {
    return [...this.#watched.values()].flatMap((watched) => {
      const failure = this.#failureOf(watched);
      return failure === null ? [] : [{ part: watched.part, partition: watched.partition, ...failure }];
    });
  }

  /** The failure of a partition or its standby; null while it does not fail. */
  failureOf(part: WatchedPart, partition: number): Failure | null {
    const watched = this.#watched.get(nameOf(part, partition));
    return watched === undefined ? null : this.#failureOf(watched);
  }

  register(registry: Registry): void {
    const setGauge = (gauge: Gauge<'part' | 'partition'>) => {
      gauge.reset();
      for (const watched of this.#watched.values()) {
        const { part, partition } = watched;
        gauge.set({ part, partition: partition ?? '' }, this.#troubleMs(watched) / 1000);
      }
    };
    new Gauge({
      name: 'company_sync_failing_seconds',
      help: 'Seconds for which errors have prevented any progress of a part of the instance; 0 if nothing fails',
      labelNames: ['part', 'partition'],
      registers: [registry],
      collect() {
        setGauge(this);
      },
    });
  }

  #trouble(watched: Watched, cause: string, isError: boolean): void {
    if (this.#isWell(watched)) {
      watched.since = this.now();
      watched.isError = false;
    }
    watched.wellAt = Infinity;
    // The error before it is more useful than the description of the work in progress.
    if (watched.isError && !isError) return;
    watched.cause = cause;
    watched.isError = isError;
  }

  #isWell({ since, wellAt }: Watched): boolean {
    return since === null || this.now() >= wellAt;
  }

  /** 0 if nothing fails. */
  #troubleMs(watched: Watched): number {
    return watched.since === null || this.#isWell(watched) ? 0 : this.now() - watched.since;
  }

  #shownTime(since: number): number {
    const ageMs = this.now() - since;
    const wallMs = this.shownNow();
    return wallMs - ageMs;
  }

  #failureOf(watched: Watched): Failure | null {
    if (watched.since === null || this.#troubleMs(watched) < FAILING_AFTER_MS) return null;
    return { failingSince: isoTime(this.#shownTime(watched.since)), cause: watched.cause };
  }

  #of(part: WatchedPart, partition: number | null): Watched {
    const name = nameOf(part, partition);
    let watched = this.#watched.get(name);
    if (watched === undefined) {
      watched = { part, partition, since: null, cause: '', isError: false, wellAt: Infinity, reached: -1 };
      this.#watched.set(name, watched);
    }
    return watched;
  }
}

function nameOf(part: WatchedPart, partition: number | null): string {
  return partition === null ? part : `${part} ${partition}`;
}
