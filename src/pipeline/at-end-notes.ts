import { isAtEnd } from '../store/examine-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import { BrokerError } from './errors.js';
import type { LogBounds } from './ports.js';
import { HOUR_MS, MINUTE_MS } from '../lib/time-units.js';

const NOTE_INTERVAL_MS = HOUR_MS;
/** Between two questions, whatever was answered. */
const RETRY_MS = MINUTE_MS;

/**
 * Notes in the store of a partition, while nothing is written to it, that it misses nothing of the changelog.
 *
 * Every batch notes the same with its own write. Without a note an idle week would look like a week of absence, and the
 * next take-over would set a good folder aside.
 *
 * It also notes the leader epoch of that end, a minute at most after the store has written to the changelog itself: the
 * answer to a write does not tell in which epoch the leader was then.
 *
 * Only the end of the changelog proves it. An owner may have been fenced long ago without having noticed: its store then
 * ends below what its successor has written, and nothing is noted.
 */
export class AtEndNotes {
  #retryAt = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
    private readonly store: PartitionStore,
  ) {}

  /** Milliseconds until the next note is due. */
  get restMs(): number {
    const now = this.context.clock.now();
    const age = now - this.store.atEndMs;
    // A note from the future was written before the clock was set back: it proves nothing.
    const isDue = age < 0 || !this.store.epochIsKnown;
    const untilOld = isDue ? 0 : NOTE_INTERVAL_MS - age;
    return Math.max(0, untilOld, Math.min(RETRY_MS, this.#retryAt - now));
  }

  /**
   * If a note is due, asks for the end of the changelog, and writes the note if the store has reached that end. One write.
   * Call it while no transaction is open and nothing else writes to the store.
   *
   * @throws StoreUnavailableError, CorruptStoreError
   */
  async noteIfDue(): Promise<void> {
    if (this.restMs > 0) return;
    // Taken before the question: the note does not cover what is written to the changelog after that time.
    const askedAt = this.context.clock.now();
    this.#retryAt = askedAt + RETRY_MS;
    const changelog = await this.#changelog();
    if (changelog === null || !isAtEnd(this.store.changelogPosition, changelog.end)) return;
    this.store.noteAtEnd(askedAt, changelog.leaderEpoch);
    await this.store.flush();
  }

  /** Null while too few brokers answer: the next commit or fetch reports that. */
  async #changelog(): Promise<LogBounds | null> {
    const { changelogLogs, topics } = this.context;
    try {
      const bounds = await changelogLogs.bounds({ topic: topics.changelog, partition: this.partition });
      return bounds.byMost ? bounds : null;
    } catch (error) {
      if (error instanceof BrokerError) return null;
      throw error;
    }
  }
}
