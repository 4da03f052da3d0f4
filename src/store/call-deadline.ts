/**
 * A time limit for calls to one folder of the state volume. Without it, a call to a disk or network volume that hangs
 * would never return.
 */
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import { steadyMs, Stopwatch } from '../lib/stopwatch.js';
import { StoreUnavailableError } from './key-value-store.js';

/** Reads and writes take milliseconds. RocksDB delays writes by seconds at most while it flushes 16 MiB. */
export const CALL_DEADLINE_MS = 30_000;
/**
 * Opening reads RocksDB's log, up to 32 MiB, and writes its rows to a file. Closing waits for a compaction in progress.
 * Each takes tens of seconds on a slow disk.
 */
export const OPEN_DEADLINE_MS = 120_000;

const LOOK_EVERY_MS = 20;

/** Waits until no call is in progress, at most `patienceMs`. Never rejects. */
export async function callsEnd(clock: Clock, patienceMs: number, isUnderWay: () => boolean): Promise<void> {
  const waited = new Stopwatch(clock);
  while (isUnderWay() && waited.elapsedMs < patienceMs) await clock.delay(LOOK_EVERY_MS);
}

interface Call {
  /** Such as `reading partition-3`. */
  readonly description: string;
  readonly beganAt: number;
}

/**
 * Stops waiting for a call that takes too long; the call itself cannot be cancelled. Until it has returned, every other
 * call is refused at once. Otherwise each would block one more thread of the process and hang as well.
 */
export class CallDeadline {
  readonly #underWay = new Set<Call>();
  /** The calls in progress that took too long. */
  readonly #late = new Set<Call>();

  constructor(private readonly clock: Clock) {}

  /** Milliseconds since the oldest call in progress began; 0 if no call is in progress. */
  get longestMs(): number {
    const now = steadyMs(this.clock);
    return [...this.#underWay].reduce((longest, { beganAt }) => Math.max(longest, now - beganAt), 0);
  }

  /**
   * Returns the result of `call`.
   *
   * @param description such as `reading partition-3`
   * @throws StoreUnavailableError after `limitMs`, and at once while an earlier late call has not returned; also what
   *   `call` throws
   */
  async within<T>(limitMs: number, description: string, call: () => Promise<T>): Promise<T> {
    this.mustAnswer();
    const { clock } = this;
    const made: Call = { description, beganAt: steadyMs(clock) };
    const answer = call();
    this.#underWay.add(made);
    const ended = () => {
      this.#underWay.delete(made);
      this.#late.delete(made);
    };
    answer.then(ended, ended);
    if ((await settlesWithin(answer, clock, limitMs)) || !this.#underWay.has(made)) return answer;
    this.#late.add(made);
    throw this.#unavailable(made);
  }

  /** @throws StoreUnavailableError while a call that took too long has not returned */
  mustAnswer(): void {
    for (const late of this.#late) throw this.#unavailable(late);
  }

  #unavailable({ description, beganAt }: Call): StoreUnavailableError {
    const seconds = Math.round((steadyMs(this.clock) - beganAt) / 1000);
    return new StoreUnavailableError(
      `the state volume does not answer: ${description} has taken ${seconds} s and has not ended; check the disk of STATE_DIR`,
    );
  }
}
