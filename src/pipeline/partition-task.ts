import { isDate } from '../domain/policy.js';
import { settlesWithin } from '../lib/long-promise.js';
import { withReader } from '../lib/with-reader.js';
import { isOwnFault } from '../lib/own-fault.js';
import { steadyMs } from '../lib/stopwatch.js';
import { reasonOf } from '../lib/reason-of.js';
import type { CommittedRows } from '../store/committed-rows.js';
import { CompanyCache } from '../store/company-cache.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import type { PartitionStore } from '../store/partition-store.js';
import { BatchLimits } from './batch-limits.js';
import { commitBatch } from './commit-batch.js';
import type { PipelineContext } from './context.js';
import { decide, type LocalState } from './decide.js';
import { DecodedPortions, type DecodedPortion } from './decoded-portions.js';
import { NOTHING_DECIDED, type Decisions } from './decisions.js';
import { ReaderClosedError, SettingsChangedError } from './errors.js';
import { HoldRemoval } from './hold-removal.js';
import { nextBatch } from './next-batch.js';
import type { BatchReport, PartitionStatus } from './observer.js';
import { commitPaced, gatherMs, runningWith, throttledMs } from './paced-commit.js';
import type { LogBatch } from './ports.js';
import { RetryWaits } from './retry-waits.js';
import { StalledWatch } from './stalled-watch.js';
import { takeOver, type OwnedPartition } from './take-over.js';

/** A wait for the clients' choices shorter than this is not shown. If they were read before, there is no wait. */
const CHOICES_SOON_MS = 100;

/**
 * One assigned partition, from its assignment to its revocation.
 *
 *   waiting -> fencing -> restoring -> running <-> waiting-for-registry, waiting-for-confirmation
 *      ^                                  |
 *      +--------- any error --------------+        blocked: a slower `waiting`, until an operator has acted
 *
 *   stop() from any state -> closed
 *
 * Every error ends in the same way: the task discards producer, store and cache, and restarts the partition. It repairs
 * nothing in place, so only one recovery path must be correct.
 */
export class PartitionTask {
  #status: PartitionStatus = { state: 'waiting', reason: null };
  readonly #stopping = new AbortController();
  /** Learned from all earlier transactions, across take-overs. */
  readonly #limits: BatchLimits;
  readonly #retryWaits: RetryWaits;
  /** The store, while its content matches the committed log; otherwise null. */
  #store: PartitionStore | null = null;
  /** Resolves when the task has released everything. */
  readonly ended: Promise<void>;

  constructor(
    private readonly context: PipelineContext,
    readonly partition: number,
  ) {
    this.#limits = new BatchLimits(context.clock);
    this.#retryWaits = new RetryWaits(context, partition, (status) => this.#enter(status));
    this.ended = this.#run();
  }

  get status(): PartitionStatus {
    return this.#status;
  }

  /**
   * The rows committed so far, for readers; null while some of them are not restored yet. The caller must close the
   * result.
   *
   * @throws StoreUnavailableError
   */
  committed(): CommittedRows | null {
    return this.#store?.committed() ?? null;
  }

  /** Finishes the batch in progress, then closes. Await `ended`. */
  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#runAsOwner(signal);
      } catch (error) {
        const expected = error instanceof ReaderClosedError || error === signal.reason;
        if (!signal.aborted) await this.#recover(error, signal);
        else if (!expected) this.context.observer.error(this.partition, error);
      }
    }
    this.#enter({ state: 'closed', reason: null });
  }

  async #runAsOwner(signal: AbortSignal): Promise<void> {
    const owned = await takeOver(this.context, this.partition, (status) => this.#enter(status), signal);
    this.#store = owned.store;
    try {
      this.#retryWaits.tookOver();
      await this.#untilChoicesAreRead(signal);
      if (!signal.aborted) await this.#process(owned, signal);
      await owned.store.flush();
    } catch (error) {
      if (error instanceof CorruptStoreError) owned.store.distrust(error);
      throw error;
    } finally {
      this.#store = null;
      await owned.producer.discard();
      await owned.store.close();
    }
  }

  /** Reports a wait only if it is long: the present status may name an error that is about to repeat. */
  async #untilChoicesAreRead(signal: AbortSignal): Promise<void> {
    const ready = this.context.settings.ready(signal);
    if (!(await settlesWithin(ready, this.context.clock, CHOICES_SOON_MS)))
      this.#enter({ state: 'waiting', reason: "waiting until the clients' choices are read" });
    await ready;
  }

  async #process(owned: OwnedPartition, signal: AbortSignal): Promise<void> {
    const { context, partition } = this;
    const { store, inputLog } = owned;
    const cache = new CompanyCache(context.cacheBytes);
    const watch = new StalledWatch(context, partition, owned, cache, this.#limits);
    const local = { partition, store, counted: owned.counted, cache, holdRemoval: new HoldRemoval() };
    const idle = { ...owned, watch };
    const reader = context.inputLogs.reader({ topic: context.topics.input, partition }, owned.from, inputLog);
    const processUntilStopped = async (): Promise<void> => {
      if (owned.mustWriteOriginFirst) await commitBatch(context, partition, owned, NOTHING_DECIDED, owned.from);
      context.known.note(partition);
      this.#enter(this.#retryWaits.tooLargeStatus ?? runningWith(this.#limits));
      for (let nextOffset = owned.from, isBehind = true; !signal.aborted;) {
        const reading = reader.next(this.#limits.records, isBehind ? 0 : gatherMs(context, owned));
        const batch = await nextBatch(context, partition, reading, idle, nextOffset).catch(ifClosed);
        if (batch === null) return;
        nextOffset = batch.nextOffset;
        isBehind = nextOffset < batch.endOffset;
        inputLog.leaderEpoch = batch.leaderEpoch;
        if (batch.records.length > 0) await this.#processBatch(owned, local, batch, signal);
        // If records arrive without a pause, the watch runs between batches.
        if (!signal.aborted && store.position()?.offset === nextOffset) await watch.look(nextOffset);
      }
    };
    await withReader(reader, processUntilStopped, signal);
  }

  /** Processes a batch, in one transaction unless it changes too many rows for one, or waits for schemas. */
  async #processBatch(owned: OwnedPartition, local: LocalState, batch: LogBatch, signal: AbortSignal): Promise<void> {
    const { context, partition } = this;
    const status = {
      enter: (entered: PartitionStatus) => this.#enter(entered),
      running: () => runningWith(this.#limits),
    };
    const portions = new DecodedPortions(context, partition, batch, status);
    while (!signal.aborted && !portions.isDone) {
      context.observer.step(partition, 'fetched');
      const portion = await portions.next(signal);
      if (portion === null) return;
      await this.#processPortion(owned, local, portion, signal);
    }
  }

  async #processPortion(
    owned: OwnedPartition,
    local: LocalState,
    batch: DecodedPortion,
    signal: AbortSignal,
  ): Promise<void> {
    const { context, partition } = this;
    const { decoded } = batch;
    for (let from = 0; from < decoded.length;) {
      if (throttledMs(owned) > 0) await context.clock.delay(throttledMs(owned), signal);
      if (signal.aborted) return;
      const startedMs = steadyMs(context.clock);
      const startedAt = context.clock.now();
      const limits = { rows: this.#limits.rows, bytes: context.loadBytes() };
      const decisions = await decide(context, local, batch.records, decoded, from, limits);
      context.observer.step(partition, 'decided');
      const nextOffset = batch.records[decisions.end]?.offset ?? batch.nextOffset;
      const lag = Math.max(0, batch.endOffset - nextOffset);
      const records = decisions.end - from;
      const timestamp = batch.records[from]?.timestamp ?? startedAt;
      const stampedAt = isDate(timestamp) ? timestamp : startedAt;
      from = decisions.end < decoded.length ? decisions.end : releaseDecided(batch);
      const size = { records, rows: decisions.changedRows };
      const changes = await commitPaced(context, partition, owned, this.#limits, { decisions, nextOffset, size });
      local.cache.evict();
      this.#batchCommitted();
      const committedAt = context.clock.now();
      this.#report(decisions, {
        records,
        announced: decisions.completing,
        deadLetters: decisions.badRecords.length,
        ignored: decisions.ignored,
        undated: decisions.undated,
        changes,
        companies: decisions.companies,
        cachedCompanies: decisions.cachedCompanies,
        durationMs: steadyMs(context.clock) - startedMs,
        latencyMs: Math.max(0, committedAt - stampedAt),
        position: nextOffset,
        lag,
      });
    }
  }

  #batchCommitted(): void {
    this.#retryWaits.batchCommitted();
    const running = runningWith(this.#limits);
    if (this.#status.state !== 'running' || this.#status.reason !== running.reason) this.#enter(running);
  }

  #report(decisions: Decisions, report: BatchReport): void {
    const { observer } = this.context;
    for (const { announcement, completing } of decisions.announcements)
      observer.announced(this.partition, announcement, completing);
    for (const { failure } of decisions.failures) observer.syncFailed(this.partition, failure);
    for (const badRecord of decisions.badRecords) observer.deadLetter(this.partition, badRecord);
    observer.batch(this.partition, report);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.context.observer.error(this.partition, error);
    if (error instanceof SettingsChangedError) this.context.endProcess(error);
    const message = reasonOf(error);
    // A fault of this program does not end the process: other partitions may work. The task keeps retrying until a
    // fixed release takes over.
    const reason = isOwnFault(error) ? `a fault of this program, please report it: ${message}` : message;
    await this.#retryWaits.untilNextAttempt(error, reason, signal);
  }

  #enter(status: PartitionStatus): void {
    this.#status = status;
    this.context.observer.state(this.partition, status);
  }
}

/**
 * Releases the decided records. While several partitions wait for the broker, the garbage collector would otherwise
 * copy the content of their batches again and again.
 *
 * @returns the end of the portion, which is now empty
 */
function releaseDecided(batch: DecodedPortion): number {
  batch.records.length = 0;
  batch.decoded.length = 0;
  return 0;
}

function ifClosed(error: unknown): null {
  if (error instanceof ReaderClosedError) return null;
  throw error;
}
