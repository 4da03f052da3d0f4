/**
 * How long a `blocked` partition waits before it is restarted. The waits after all other errors are in
 * partition-task.ts.
 */
import { Backoff } from '../lib/backoff.js';
import { UnknownRowVersionError } from '../store/row-version.js';
import type { PipelineContext } from './context.js';
import {
  BrokerSettingError,
  HangingTransactionError,
  RecordTooLargeError,
  SettingsChangedError,
  UnreadableBatchError,
} from './errors.js';
import { readView } from './partition-view.js';

const CONTRADICTION_FIRST_RETRY_MS = 10_000;
/**
 * Each attempt writes a proof, and its abort stays in the changelog until compaction: 300 offsets a day at this
 * interval.
 */
const CONTRADICTION_MAX_RETRY_MS = 600_000;
/** How often to check for a change. An operator sees the effect of a change within this time. */
const CHECK_FOR_CHANGE_MS = 10_000;

/**
 * Decides when a partition tries again that is `blocked` because positions contradict each other (a write has proved
 * that). The waits become longer and longer. If a value changes that an operator could have changed, it tries again at
 * once. The check for such a change writes nothing.
 */
export class BlockedRetry {
  readonly #backoff = new Backoff(CONTRADICTION_FIRST_RETRY_MS, CONTRADICTION_MAX_RETRY_MS);
  /** The values seen before the last attempt; null before the first look. A first look cannot show a change. */
  #seen: string | null = null;
  #until = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
  ) {}

  /** Starts a wait. @returns a sentence about it for the operator */
  startWait(): string {
    this.#until = this.context.clock.now() + this.#backoff.next();
    return (
      `The partition tries again at ${new Date(this.#until).toISOString()}, and within ${CHECK_FOR_CHANGE_MS / 1_000} s once the ` +
      "group's offset or a topic has changed"
    );
  }

  /** Resolves when the next attempt is due, or when `signal` aborts. Never rejects. */
  async untilNextAttempt(signal: AbortSignal): Promise<void> {
    const { clock } = this.context;
    while (!signal.aborted) {
      // The clock may have been set back meanwhile.
      this.#until = Math.min(this.#until, clock.now() + CONTRADICTION_MAX_RETRY_MS);
      await clock.delay(Math.max(0, Math.min(CHECK_FOR_CHANGE_MS, this.#until - clock.now())), signal);
      const before = this.#seen;
      const seenNow = await this.#readValues();
      this.#seen = seenNow ?? before;
      const hasChanged = before !== null && seenNow !== null && seenNow !== before;
      if (hasChanged) this.#backoff.reset();
      if (hasChanged || clock.now() >= this.#until) return;
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
      const { committed, inputLostFrom, input, changelog } = await readView(this.context, this.partition);
      const logs = [input, changelog].map(({ topicId, start }) => [topicId, start]);
      return JSON.stringify([committed, inputLostFrom, logs]);
    } catch {
      return null; // The next attempt reports it.
    }
  }
}

/** The wait of a partition that is `blocked` for another reason. Its attempts write nothing. */
const BLOCKED_RETRY_MS = 10_000;
/**
 * For a batch that cannot be read: an attempt decompresses up to MAX_BATCH_BYTES, and both remedies need a restart of
 * the instance.
 */
const UNREADABLE_BATCH_RETRY_MS = 300_000;
const NEED_AN_OPERATOR = [
  HangingTransactionError,
  RecordTooLargeError,
  UnknownRowVersionError,
  BrokerSettingError,
  SettingsChangedError,
  UnreadableBatchError,
];

/** Milliseconds until the next attempt after an error that an operator must remove; null for other errors. */
export function operatorRetryMsOf(error: unknown): number | null {
  if (!NEED_AN_OPERATOR.some((kind) => error instanceof kind)) return null;
  return error instanceof UnreadableBatchError ? UNREADABLE_BATCH_RETRY_MS : BLOCKED_RETRY_MS;
}
