import { Backoff } from '../lib/backoff.js';
import type { PipelineContext } from './context.js';
import { look } from './partition-view.js';

const FIRST_RETRY_MS = 10_000;
/** Each attempt makes sure by a write, whose abort stays in the changelog until it is compacted: 300 offsets a day. */
const MOST_RETRY_MS = 600_000;
/** How soon an operator sees that the partition has noticed what was changed. */
const LOOK_MS = 10_000;

/**
 * When a partition that is blocked, and has made sure of it by a write, tries again: after longer and longer waits, and at
 * once if something has changed that an operator would change. Looking writes nothing.
 */
export class BlockedRetry {
  readonly #backoff = new Backoff(FIRST_RETRY_MS, MOST_RETRY_MS);
  /** Before the attempt that came last; null if nothing was seen yet: then that attempt follows soon. */
  #seen: string | null = null;
  #until = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
  ) {}

  /** Begins a wait. @returns what to tell an operator about it */
  begin(): string {
    this.#until = this.context.clock.now() + this.#backoff.next();
    return (
      `The partition tries again at ${new Date(this.#until).toISOString()}, and within ${LOOK_MS / 1_000} s once the ` +
      "group's offset or a topic has changed"
    );
  }

  /** Resolves when it is time for another attempt, or when `signal` aborts. Never rejects. */
  async over(signal: AbortSignal): Promise<void> {
    const { clock } = this.context;
    while (!signal.aborted) {
      // The clock may be set back meanwhile.
      this.#until = Math.min(this.#until, clock.now() + MOST_RETRY_MS);
      await clock.delay(Math.max(0, Math.min(LOOK_MS, this.#until - clock.now())), signal);
      const before = this.#seen;
      const now = await this.#look();
      this.#seen = now ?? before;
      const hasChanged = before !== null && now !== null && now !== before;
      if (hasChanged) this.#backoff.reset();
      if (hasChanged || clock.now() >= this.#until) return;
    }
  }

  /** The partition runs. */
  reset(): void {
    this.#backoff.reset();
    this.#seen = null;
  }

  /** What an operator changes, in one text; null if the brokers do not tell. */
  async #look(): Promise<string | null> {
    try {
      const { committed, inputLostFrom, input, changelog } = await look(this.context, this.partition);
      const logs = [input, changelog].map(({ topicId, start }) => [topicId, start]);
      return JSON.stringify([committed, inputLostFrom, logs]);
    } catch {
      return null; // The next attempt reports it.
    }
  }
}
