/**
 * Asks brokers and schema registry every few seconds, and knows whether they answer. Without this, an idle instance
 * would not notice an outage, and would show old values as current.
 *
 *   unknown --answer--> reachable <--answer-- unreachable
 *      |                    |                     ^
 *      +---- no answer for UNREACHABLE_AFTER_MS --+
 */
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../lib/clock.js';
import { isoTime } from '../lib/iso-time.js';
import { LongPromise } from '../lib/long-promise.js';
import { Stopwatch } from '../lib/stopwatch.js';
import { reasonOf } from '../lib/reason-of.js';

export const DEPENDENCIES = ['brokers', 'schema-registry'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

export interface DependencyState {
  readonly dependency: Dependency;
  /** Null until the first answer, or until requests have failed for UNREACHABLE_AFTER_MS. */
  readonly reachable: boolean | null;
  /** RFC 3339: the time of the first request without an answer; null while the dependency answers. */
  readonly unreachableSince: string | null;
  /** The error of the last request, which may contain addresses; null while the dependency answers. */
  readonly cause: string | null;
}

/** Milliseconds between two requests. */
export const ASK_EVERY_MS = 5_000;
/** A request fails if it has no answer within this time, in milliseconds. */
const ANSWER_WITHIN_MS = 5_000;
/**
 * Milliseconds of failed requests after which a dependency counts as unreachable. A restarted broker is back by then.
 * With the duration of a request and the pause before it, an outage is shown within 30 s.
 */
export const UNREACHABLE_AFTER_MS = 15_000;

export interface DependencyWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Each resolves if its dependency answers, and rejects with the reason if it does not. */
  readonly ask: Readonly<Record<Dependency, () => Promise<unknown>>>;
}

interface Known {
  reachable: boolean | null;
  failingSince: number | null;
  /** Since `failingSince`. */
  failing: Stopwatch | null;
  cause: string | null;
}

export class DependencyWatch {
  readonly #known = new Map<Dependency, Known>(
    DEPENDENCIES.map((name) => [name, { reachable: null, failingSince: null, failing: null, cause: null }]),
  );

  constructor(private readonly options: DependencyWatchOptions) {}

  /** Asks until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(DEPENDENCIES.map((name) => this.#repeat(name, signal)));
  }

  states(): DependencyState[] {
    return [...this.#known].map(([dependency, { reachable, failingSince, cause }]) => ({
      dependency,
      reachable,
      cause,
      unreachableSince: failingSince === null ? null : isoTime(failingSince),
    }));
  }

  isReachable(dependency: Dependency): boolean | null {
    return this.#known.get(dependency)?.reachable ?? null;
  }

  register(registry: Registry): void {
    const setGauge = (gauge: Gauge<'dependency'>) => {
      for (const [dependency, { reachable }] of this.#known)
        if (reachable !== null) gauge.set({ dependency }, reachable ? 1 : 0);
    };
    new Gauge({
      name: 'company_sync_dependency_up',
      help: '1 if the dependency answers, 0 if it has not answered for 15 s: brokers (more than half of them), schema-registry',
      labelNames: ['dependency'],
      registers: [registry],
      collect() {
        setGauge(this);
      },
    });
  }

  async #repeat(name: Dependency, signal: AbortSignal): Promise<void> {
    const { ask, clock } = this.options;
    while (!signal.aborted) {
      const answer = new LongPromise(ask[name]());
      const isOver = await answer.settlesWithin(clock, ANSWER_WITHIN_MS);
      if (signal.aborted) return;
      if (!isOver) this.#failed(name, `no answer within ${ANSWER_WITHIN_MS / 1000} s`);
      else
        await answer.promise.then(
          () => this.#answered(name),
          (error: unknown) => this.#failed(name, reasonOf(error)),
        );
      await clock.delay(ASK_EVERY_MS, signal);
    }
  }

  #answered(name: Dependency): void {
    const known = this.#of(name);
    if (known.reachable === false) {
      const unreachableMs = known.failing?.elapsedMs ?? 0;
      this.options.logger.info({ dependency: name, unreachableMs }, 'dependency is reachable again');
    }
    Object.assign(known, { reachable: true, failingSince: null, failing: null, cause: null });
  }

  #failed(name: Dependency, cause: string): void {
    const known = this.#of(name);
    const { clock } = this.options;
    known.cause = cause;
    known.failingSince ??= clock.now();
    known.failing ??= new Stopwatch(clock);
    if (known.failing.elapsedMs < UNREACHABLE_AFTER_MS) return;
    known.reachable = false;
    this.options.logger.warn(
      { dependency: name, cause, unreachableSince: isoTime(known.failingSince) },
      'dependency is unreachable',
    );
  }

  #of(name: Dependency): Known {
    return this.#known.get(name) as Known;
  }
}
