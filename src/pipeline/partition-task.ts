import { RegistryUnavailableError } from '../decode/schema-source.js';
import type { Decoded } from '../decode/poison.js';
import { Backoff } from '../lib/backoff.js';
import { CompanyCache } from '../store/company-cache.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import { commitBatch } from './commit-batch.js';
import type { PipelineContext } from './context.js';
import { decide } from './decide.js';
import { FencedError, InconsistentPositionError, ReaderClosedError, RecordTooLargeError } from './errors.js';
import type { PartitionStatus } from './observer.js';
import type { LogBatch, LogReader } from './ports.js';
import { takeOver, type OwnedPartition } from './take-over.js';

/** Records of one batch, and so of one transaction. */
const BATCH_RECORDS = 10_000;
/** Idleness after which the store is brought to rest: position written, undo dropped. */
const IDLE_FLUSH_MS = 100;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5_000;
/** How often a partition that waits for an operator looks again. */
const BLOCKED_RETRY_MS = 10_000;

/**
 * One assigned partition, from its assignment to its revocation.
 *
 *   waiting -> fencing -> restoring -> running <-> waiting-for-registry
 *      ^                                  |
 *      +--------- any error --------------+        blocked: a slower `waiting`, until an operator has acted
 *
 *   stop() from any state -> closed
 *
 * Every error ends in the same place: producer, store and cache are thrown away and the partition is taken over anew.
 * Nothing is repaired in place, so there is one recovery to get right.
 */
export class PartitionTask {
  #status: PartitionStatus = { state: 'waiting', reason: null };
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  /** Resolves when the task has let go of everything. */
  readonly ended: Promise<void>;

  constructor(
    private readonly context: PipelineContext,
    readonly partition: number,
  ) {
    this.ended = this.#run();
  }

  get status(): PartitionStatus {
    return this.#status;
  }

  /** Lets the batch in flight finish, then closes. Await `ended`. */
  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#own(signal);
      } catch (error) {
        if (signal.aborted && error instanceof ReaderClosedError) break;
        await this.#recover(error, signal);
      }
    }
    this.#enter({ state: 'closed', reason: null });
  }

  async #own(signal: AbortSignal): Promise<void> {
    const owned = await takeOver(this.context, this.partition, signal);
    try {
      await Promise.race([this.context.settings.ready(), whenAborted(signal)]);
      if (!signal.aborted) await this.#process(owned, signal);
      await owned.store.flush();
    } catch (error) {
      if (error instanceof CorruptStoreError) owned.store.distrust(error);
      throw error;
    } finally {
      await owned.producer.discard();
      await owned.store.close();
    }
  }

  async #process(owned: OwnedPartition, signal: AbortSignal): Promise<void> {
    const { context, partition } = this;
    const cache = new CompanyCache(context.cacheRows);
    const reader = context.inputLogs.reader({ topic: context.topics.input, partition }, owned.from);
    const close = () => reader.close();
    signal.addEventListener('abort', close);
    try {
      this.#enter({ state: 'running', reason: null });
      while (!signal.aborted) {
        const batch = await this.#nextBatch(reader, owned).catch(ifClosed);
        if (batch === null) return;
        if (batch.records.length > 0) await this.#processBatch(owned, cache, batch, signal);
      }
    } finally {
      signal.removeEventListener('abort', close);
      reader.close();
    }
  }

  /** Waits for records; when they let us wait, brings the store to rest meanwhile. */
  async #nextBatch(reader: LogReader, { store }: OwnedPartition): Promise<LogBatch> {
    const next = reader.next(BATCH_RECORDS);
    if (!store.atRest) {
      const { clock } = this.context;
      const waiting = new AbortController();
      const idle = clock.delay(IDLE_FLUSH_MS, waiting.signal).then(() => 'idle' as const);
      const first = await Promise.race([next, idle]);
      waiting.abort();
      if (first === 'idle') await settled(store.flush(), next);
    }
    return next;
  }

  async #processBatch(owned: OwnedPartition, cache: CompanyCache, batch: LogBatch, signal: AbortSignal): Promise<void> {
    const { context, partition } = this;
    const startedAt = context.clock.now();
    context.observer.step(partition, 'fetched');
    const decoded = await this.#decode(batch, signal);
    if (decoded === null) return;
    const decisions = await decide(context, { partition, store: owned.store, cache }, batch.records, decoded);
    context.observer.step(partition, 'decided');
    const changes = await commitBatch(context, partition, owned, decisions, batch.nextOffset);
    cache.evict();
    this.#backoff.reset();

    for (const { announcement } of decisions.announcements) context.observer.announced(partition, announcement);
    for (const poison of decisions.poison) context.observer.poison(partition, poison);
    context.observer.batch(partition, {
      records: batch.records.length,
      announced: decisions.announcements.length,
      changes,
      durationMs: context.clock.now() - startedAt,
      position: batch.nextOffset,
      lag: Math.max(0, batch.endOffset - batch.nextOffset),
    });
  }

  /** Decodes, waiting for as long as the registry gives no usable answer; null when stopped meanwhile. */
  async #decode(batch: LogBatch, signal: AbortSignal): Promise<Decoded[] | null> {
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    for (;;) {
      try {
        const decoded = await this.context.decode(batch.records, signal);
        if (this.#status.state !== 'running') this.#enter({ state: 'running', reason: null });
        return decoded;
      } catch (error) {
        if (signal.aborted) return null;
        if (!(error instanceof RegistryUnavailableError)) throw error;
        this.#enter({ state: 'waiting-for-registry', reason: error.message });
        await this.context.clock.delay(backoff.next(), signal);
        if (signal.aborted) return null;
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { context, partition } = this;
    context.observer.error(partition, error);
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof InconsistentPositionError || error instanceof RecordTooLargeError) {
      this.#enter({ state: 'blocked', reason });
      await context.clock.delay(BLOCKED_RETRY_MS, signal);
      return;
    }
    this.#enter({ state: 'waiting', reason });
    await context.clock.delay(this.#backoff.next(), signal);
    // A frozen process that wakes up after its partition has a new owner must not steal the fence back.
    if (error instanceof FencedError && !signal.aborted) await context.membership.confirmed(signal);
  }

  #enter(status: PartitionStatus): void {
    this.#status = status;
    this.context.observer.state(this.partition, status);
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function ifClosed(error: unknown): null {
  if (error instanceof ReaderClosedError) return null;
  throw error;
}

/** Awaits `first`; whatever becomes of `later`, it is not left without a handler meanwhile. */
async function settled(first: Promise<void>, later: Promise<unknown>): Promise<void> {
  later.catch(() => undefined);
  await first;
}
