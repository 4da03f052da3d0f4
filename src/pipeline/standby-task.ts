import { Backoff } from '../lib/backoff.js';
import { LongPromise } from '../lib/long-promise.js';
import { Stopwatch } from '../lib/stopwatch.js';
import { withReader } from '../lib/with-reader.js';
import type { PartitionStore } from '../store/partition-store.js';
import { AtEndNotes } from './at-end-notes.js';
import type { PipelineContext } from './context.js';
import { ReaderClosedError, UnreadableBatchError } from './errors.js';
import { mustSeeDeletions } from './missed-deletions.js';
import { openStore, StoreOpening } from './open-store.js';
import type { LogBatch, LogBounds, LogIdentity, LogReader } from './ports.js';
import { findLastBatch, lastBatchIsLost, setAside } from './own-batch.js';
import { settledOffset } from './partition-view.js';
import { REPLAY_RECORDS } from './restore.js';
import { UNREADABLE_BATCH_RETRY_MS } from './retry-waits.js';

const STANDBY_FIRST_RETRY_MS = 100;
const STANDBY_MAX_RETRY_MS = 10_000;
/** How long the changelog may end below this instance's last batch: EndTxn answers before its markers are written. */
const OPEN_MARKERS_TIMEOUT_MS = 30_000;

/**
 * A standby of one partition. It follows the changelog, read_committed, from the folder's position until it is stopped.
 *
 * A standby fences nothing, so it reads only what is committed so far; the next owner reads the rest. After any error
 * the standby restarts: it opens and examines the folder as after a stop.
 */
export class StandbyTask {
  readonly #stopping = new AbortController();
  /** Resolves when the store is closed. */
  readonly ended: Promise<void>;

  constructor(
    private readonly context: PipelineContext,
    readonly partition: number,
  ) {
    this.ended = this.#run();
  }

  /** Finishes the write in progress, then closes. Await `ended`. */
  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { context, partition } = this;
    const { signal } = this.#stopping;
    const backoff = new Backoff(STANDBY_FIRST_RETRY_MS, STANDBY_MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        await this.#keep(signal, backoff);
      } catch (error) {
        const expected = signal.aborted && (error instanceof ReaderClosedError || error === signal.reason);
        if (!expected) context.observer.standbyError(partition, error);
        const retryMs = error instanceof UnreadableBatchError ? UNREADABLE_BATCH_RETRY_MS : backoff.next();
        if (!signal.aborted) await context.clock.delay(retryMs, signal);
      }
    }
    context.observer.standby(partition, null);
  }

  async #keep(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const { context, partition } = this;
    const { store, changelog } = await this.#open(signal);
    try {
      signal.throwIfAborted();
      // Reported before the first read, so that a standby at the changelog's end counts as healthy.
      const position = store.changelogPosition;
      context.observer.standby(partition, { position, end: Math.max(changelog.end, position) });
      context.statePositions.note(partition, store.changelogPosition);
      await findLastBatch(context, partition, store, changelog, signal);
      await this.#follow(store, changelog, signal, backoff);
    } finally {
      await store.close();
    }
  }

  /**
   * Asks for the changelog's end only when no other user has the store: a former owner may still be writing to both.
   */
  async #open(signal: AbortSignal): Promise<{ store: PartitionStore; changelog: LogBounds }> {
    const { context, partition } = this;
    const opening = new StoreOpening(context.state, partition);
    try {
      await opening.settled();
      signal.throwIfAborted();
      const { changelog, askedAt } = await this.#changelog(signal);
      // A standby cannot write, so it cannot prove anything. If more than half of the brokers contradict the folder, it
      // sets the folder aside, because a restore costs only time. But it keeps the only copy of rows. It also keeps a
      // folder that is only ahead of the changelog's end: that end may fall for a moment, and leader epochs show a loss
      // also later. If brokers have no epochs, it must happen now, before the log has grown past the folder's position.
      //
      // `highWatermark` counts too: an open transaction may be this instance's own, and may still be committed.
      const end = Math.max(changelog.end, changelog.highWatermark);
      const { topics, inputLogs } = context;
      const view = {
        changelog: { ...changelog, end },
        proved: changelog.byMost,
        endMayFall: true,
        askedAt,
        committed: () => settledOffset(inputLogs, { topic: topics.input, partition }),
      };
      return { store: await openStore(context, partition, view, opening), changelog };
    } finally {
      await opening.discard();
    }
  }

  async #follow(store: PartitionStore, log: LogIdentity, signal: AbortSignal, backoff: Backoff): Promise<void> {
    const { context, partition } = this;
    const changelog = { topic: context.topics.changelog, partition };
    const reader = context.changelogLogs.reader(changelog, store.readFrom, log);
    const notes = new AtEndNotes(context, partition, store);
    const name = `${changelog.topic}/${partition}`;
    const follow = async (): Promise<never> => {
      for (;;) {
        const askedAt = context.clock.now();
        const { records, nextOffset, endOffset, leaderEpoch } = await this.#nextRecords(reader, notes);
        mustSeeDeletions(context, partition, store);
        if (nextOffset >= endOffset) this.#noteAtEnd(store, askedAt);
        // Now another owner has committed without that batch, so this store is not the only copy of its rows.
        if (store.isPastOwnBatch(records)) setAside(store, lastBatchIsLost(name, store));
        await store.replay(records, nextOffset, leaderEpoch);
        context.statePositions.note(partition, nextOffset);
        context.observer.standby(partition, { position: nextOffset, end: Math.max(endOffset, nextOffset) });
        backoff.reset();
      }
    };
    await withReader(reader, follow, signal);
  }

  /**
   * The read may have waited for days, and a note may have been written meanwhile. A note with a future time proves
   * nothing.
   */
  #noteAtEnd(store: PartitionStore, askedAt: number): void {
    const wallMs = this.context.clock.now();
    const isLater = store.atEndMs > askedAt && store.atEndMs <= wallMs;
    if (!isLater) store.noteAtEnd(askedAt);
  }

  /** Waits for the next records. Meanwhile records that the store is at the changelog's end. */
  async #nextRecords(reader: LogReader, notes: AtEndNotes): Promise<LogBatch> {
    const next = new LongPromise(reader.next(REPLAY_RECORDS));
    while (!(await next.settlesWithin(this.context.clock, notes.restMs))) await notes.noteIfDue();
    return next.promise;
  }

  /**
   * Waits until the end is not below this instance's own writes. Otherwise the folder would seem to be ahead of the
   * changelog, and would be set aside.
   */
  async #changelog(signal: AbortSignal): Promise<{ changelog: LogBounds; askedAt: number }> {
    const { context, partition } = this;
    const { clock, changelogLogs, topics, statePositions } = context;
    const written = statePositions.all().get(partition) ?? 0;
    for (const waited = new Stopwatch(clock); ;) {
      const askedAt = clock.now();
      const changelog = await changelogLogs.bounds({ topic: topics.changelog, partition });
      signal.throwIfAborted();
      if (changelog.end >= written || waited.elapsedMs >= OPEN_MARKERS_TIMEOUT_MS) return { changelog, askedAt };
      await clock.delay(STANDBY_FIRST_RETRY_MS, signal);
    }
  }
}
