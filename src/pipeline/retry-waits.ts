/**
 * How long a partition waits after an error before its next take-over. The class of the error decides:
 *
 *   positions contradict each other    blocked   10 s to 10 min; at once after a change that an operator could make
 *   a batch cannot be read             blocked   5 min
 *   another error for an operator      blocked   10 s
 *   any other error                    waiting   50 ms to 5 s; short again after a committed batch
 *
 * After each of these waits, the partition waits until the group confirms this member. The waits of a standby are in
 * standby-task.ts.
 */
import { Backoff } from '../lib/backoff.js';
import { isoTime } from '../lib/iso-time.js';
import { settlesWithin } from '../lib/long-promise.js';
import { steadyMs } from '../lib/stopwatch.js';
import { UnknownRowVersionError } from '../store/row-version.js';
import type { PipelineContext } from './context.js';
import {
  BrokerSettingError,
  HangingTransactionError,
  InconsistentPositionError,
  RecordTooLargeError,
  SettingsChangedError,
  UnreadableBatchError,
} from './errors.js';
import type { PartitionStatus } from './observer.js';
import { readView } from './partition-view.js';

/** After an error that may end without an operator. Short, because a fence or a change of leaders ends at once. */
const RESTART_FIRST_WAIT_MS = 50;
/** A partition runs again at most this long after an outage ends. Each attempt fences and asks brokers. */
const RESTART_MAX_WAIT_MS = 5_000;

/** After an error that an operator must remove. These attempts write nothing. */
const BLOCKED_RETRY_MS = 10_000;
/**
 * For a batch that cannot be read: an attempt decompresses up to MAX_BATCH_BYTES, and both remedies need a restart of
 * the instance.
 */
export const UNREADABLE_BATCH_RETRY_MS = 300_000;
const NEED_AN_OPERATOR = [
  HangingTransactionError,
  RecordTooLargeError,
  UnknownRowVersionError,
  BrokerSettingError,
  SettingsChangedError,
  UnreadableBatchError,
];

/** After positions that contradict each other. */
const CONTRADICTION_FIRST_RETRY_MS = 10_000;
/**
 * Each attempt writes a proof, and its abort stays in the changelog until compaction: 300 offsets a day at this
 * interval.
 */
const CONTRADICTION_MAX_RETRY_MS = 600_000;
/** How often to check for a change. An operator sees the effect of a change within this time. */
const CHECK_FOR_CHANGE_MS = 10_000;

/** A confirmation takes two heartbeats, about 500 ms. If the group takes longer than this, the status says so. */
const CONFIRMED_SOON_MS = 2_000;

/** The waits of one partition. They depend on its errors so far, across take-overs. */
export class RetryWaits {
  readonly #backoff = new Backoff(RESTART_FIRST_WAIT_MS, RESTART_MAX_WAIT_MS);
  readonly #contradiction: ContradictionWait;
  #tooLargeStatus: PartitionStatus | null = null;

  /** @param enter shows the status of the partition */
  constructor(
    private readonly context: PipelineContext,
    partition: number,
    private readonly enter: (status: PartitionStatus) => void,
  ) {
    this.#contradiction = new ContradictionWait(context, partition);
  }

  /**
   * After a topic has refused a record as too large: the `blocked` status to show until the next commit. Else null.
   * Only the next commit shows whether the limit was raised: until then the partition does not count as running.
   */
  get tooLargeStatus(): PartitionStatus | null {
    return this.#tooLargeStatus;
  }

  /** Call it when a take-over has succeeded. */
  tookOver(): void {
    this.#contradiction.reset();
  }

  /** Call it when a batch is committed: the next wait is short again. */
  batchCommitted(): void {
    this.#backoff.reset();
    this.#tooLargeStatus = null;
  }

  /** Shows the reason, and resolves when the partition may try again, or when `signal` aborts. */
  async untilNextAttempt(error: unknown, reason: string, signal: AbortSignal): Promise<void> {
    await this.#afterError(error, reason, signal);
    if (!signal.aborted) await this.#confirmed(reason, signal);
  }

  #afterError(error: unknown, reason: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.context;
    if (error instanceof InconsistentPositionError) {
      this.enter({ state: 'blocked', reason: `${reason}. ${this.#contradiction.start()}` });
      return this.#contradiction.untilNextAttempt(signal);
    }
    if (NEED_AN_OPERATOR.some((kind) => error instanceof kind)) {
      const blocked: PartitionStatus = { state: 'blocked', reason };
      this.#tooLargeStatus = error instanceof RecordTooLargeError ? blocked : null;
      this.enter(blocked);
      const retryMs = error instanceof UnreadableBatchError ? UNREADABLE_BATCH_RETRY_MS : BLOCKED_RETRY_MS;
      return clock.delay(retryMs, signal);
    }
    this.enter({ state: 'waiting', reason });
    return clock.delay(this.#backoff.next(), signal);
  }

  /**
   * Waits until the group confirms this member, whatever the error was. A process that was frozen or cut off while its
   * partition got a new owner must not fence that owner.
   */
  async #confirmed(reason: string, signal: AbortSignal): Promise<void> {
    const { membership, clock } = this.context;
    const confirmed = membership.confirmed(signal);
    const isSoon = await settlesWithin(confirmed, clock, CONFIRMED_SOON_MS);
    // In an outage, the group is now the reason for the wait, and no longer the first error.
    if (!isSoon && !signal.aborted)
      this.enter({
        state: 'waiting',
        reason: `waiting until the group confirms this member; the error before: ${reason}`,
      });
    await confirmed;
  }
}

/**
 * The waits of a partition that is `blocked` because positions contradict each other (a write has proved that). The
 * waits become longer and longer. If a value changes that an operator could have changed, the partition tries again at
 * once. The check for such a change writes nothing.
 */
class ContradictionWait {
  readonly #backoff = new Backoff(CONTRADICTION_FIRST_RETRY_MS, CONTRADICTION_MAX_RETRY_MS);
  /** The values seen before the last attempt; null before the first look. A first look cannot show a change. */
  #seen: string | null = null;
  #until = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
  ) {}

  /** Starts a wait. @returns a sentence about it for the operator */
  start(): string {
    const { clock } = this.context;
    const waitMs = this.#backoff.next();
    this.#until = steadyMs(clock) + waitMs;
    const shownMs = clock.now();
    return (
      `The partition tries again at ${isoTime(shownMs + waitMs)}, and within ${CHECK_FOR_CHANGE_MS / 1_000} s once the ` +
      "group's offset or a topic has changed"
    );
  }

  /** Resolves when the next attempt is due, or when `signal` aborts. Never rejects. */
  async untilNextAttempt(signal: AbortSignal): Promise<void> {
    const { clock } = this.context;
    while (!signal.aborted) {
      await clock.delay(Math.max(0, Math.min(CHECK_FOR_CHANGE_MS, this.#until - steadyMs(clock))), signal);
      const before = this.#seen;
      const seenNow = await this.#readValues();
      this.#seen = seenNow ?? before;
      const hasChanged = before !== null && seenNow !== null && seenNow !== before;
      if (hasChanged) this.#backoff.reset();
      if (hasChanged || steadyMs(clock) >= this.#until) return;
    }
  }

  /** Call it when the partition runs. */
  reset(): void {
    this.#backoff.reset();
    this.#seen = null;
  }

  /** The values that an operator can change, as one text; null if the brokers do not answer. */
  async #readValues(): Promise<string | null> {
    try {
      const { committed, committedIn, inputLostFrom, input, changelog } = await readView(this.context, this.partition);
      const logs = [input, changelog].map(({ topicId, start }) => [topicId, start]);
      // An operator can consent to a loss by an offset without an epoch that is not another offset.
      return JSON.stringify([committed, committedIn, inputLostFrom, logs]);
    } catch {
      return null; // The next attempt reports it.
    }
  }
}
