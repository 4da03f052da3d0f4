import { isAtEnd, lostSince } from '../store/examine-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import { BrokerError } from './errors.js';
import type { LogBounds } from './ports.js';
import { steadyMs } from '../lib/stopwatch.js';
import { HOUR_MS, MINUTE_MS } from '../lib/time-units.js';

const NOTE_INTERVAL_MS = HOUR_MS;
/** The time between two requests, whatever the answer was. */
const RETRY_MS = MINUTE_MS;

/**
 * Notes in an idle store, from time to time, that the store misses nothing of the changelog. (A batch notes the same
 * with its own write.) Without these notes, an idle week would look like a week of absence. Then the next take-over
 * would set a good folder aside.
 *
 * A note also stores the leader epoch of that end, at most a minute after the store has written to the changelog
 * itself. The answer to a write does not say which epoch the leader was in.
 *
 * If a later leader lacks records that the store has followed, no note is written: its epoch in the folder would hide
 * that loss. The store's own writes since the last note are not compared, because their epoch is not known.
 *
 * Only the end of the changelog proves it. An owner may have been fenced long ago without noticing. Its store then ends
 * below the records of its successor, and no note is written.
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
    const wallMs = this.context.clock.now();
    const age = wallMs - this.store.atEndMs;
    // A note with a future time was written before the clock was set back: it proves nothing.
    const isDue = age < 0 || !this.store.epochIsKnown;
    const untilOld = isDue ? 0 : NOTE_INTERVAL_MS - age;
    return Math.max(0, untilOld, this.#retryAt - steadyMs(this.context.clock));
  }

  /**
   * If a note is due, asks for the end of the changelog. If the store has reached that end, writes the note, in one
   * write. Call it while no transaction is open and nothing else writes to the store.
   *
   * @throws StoreUnavailableError, CorruptStoreError
   */
  async noteIfDue(): Promise<void> {
    if (this.restMs > 0) return;
    // Taken before the request: the note does not cover records written to the changelog after this time.
    const askedAt = this.context.clock.now();
    this.#retryAt = steadyMs(this.context.clock) + RETRY_MS;
    const changelog = await this.#changelog();
    if (changelog === null || !isAtEnd(this.store.changelogPosition, changelog.end)) return;
    if (await this.#hasLost(changelog)) return;
    this.store.noteAtEnd(askedAt, changelog.leaderEpoch);
    await this.store.flush();
  }

  /** Whether the changelog lacks records that the store has followed; also true while its leader does not answer. */
  async #hasLost(changelogLog: LogBounds): Promise<boolean> {
    const { changelogLogs, topics } = this.context;
    const log = { topic: topics.changelog, partition: this.partition };
    const endOfEpoch = (epoch: number) => changelogLogs.endOfEpoch(log, epoch);
    try {
      return (await lostSince({ changelogLog, endOfEpoch }, this.store.followedEpoch)) !== null;
    } catch (error) {
      if (error instanceof BrokerError) return true;
      throw error;
    }
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
