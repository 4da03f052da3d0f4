/**
 * One partition with the real task, store and disk; brokers and clock are simulated. Time passes only while the test
 * runs it, and then without waiting: weeks take seconds.
 */
import type { EndSignal } from '../../../src/lib/clock.js';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { LogRecord } from '../../../src/lib/record.js';
import { kafkaCommandsFor } from '../../../src/lib/shell-command.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { ReaderClosedError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PipelineObserver } from '../../../src/pipeline/observer.js';
import type {
  CommittedOffset,
  LogBatch,
  LogBounds,
  LogIdentity,
  LogReader,
  Logs,
  PendingOffset,
  TransactionalProducer,
} from '../../../src/pipeline/ports.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import type { KeyValueStore, StateDirectory } from '../../../src/store/key-value-store.js';
import {
  CHANGELOG_POSITION_KEY,
  decodeChangelogPosition,
  type ChangelogPosition,
} from '../../../src/store/partition-meta.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { DAY_MS, HOUR_MS } from '../../../src/lib/time-units.js';
import { never, UNUSED_PRODUCER } from './unused-ports.js';

export const PARTITION = 3;
/** Of the changelog's tombstones. */
export const RETENTION_MS = 7 * DAY_MS;

/** More waits than any test has. Without this limit, a wait for nothing would never end. */
const MAX_WAITS = 100_000;

/** A log whose readers get the records in `records`, and otherwise markers or an error, or wait. */
export class SilentLog {
  end = 0;
  /** Above `end` while a producer's transaction hangs. */
  highWatermark = 0;
  /** Answers `bounds` instead of the log. */
  outage: Error | null = null;
  /** The result of every read, if it does not wait. */
  failure: Error | null = null;
  /** The topic id, leader epoch and `byMost` that `bounds` returns. */
  said: Omit<LogBounds, 'start' | 'end' | 'highWatermark'> = SEEN_BY_MOST;
  /** The offset and the topic of the last read. */
  lastRead: { readonly from: number; readonly topicId: string | null } | null = null;
  /** Readers get nothing although the log has records. */
  stuck = false;
  /** Committed records. */
  records: LogRecord[] = [];
  endOfEpoch: (leaderEpoch: number) => number | null = () => null;
  onBounds: () => void = () => undefined;
  #wake: ((batch: LogBatch) => void) | null = null;

  bounds(): Promise<LogBounds> {
    this.onBounds();
    if (this.outage !== null) return Promise.reject(this.outage);
    const highWatermark = Math.max(this.highWatermark, this.end);
    return Promise.resolve({ start: 0, end: this.end, highWatermark, ...this.said });
  }

  reader(from: number, log?: LogIdentity): LogReader {
    this.lastRead = { from, topicId: log?.topicId ?? null };
    let close: (error: Error) => void = () => undefined;
    let position = from;
    return {
      next: () => {
        if (this.failure !== null) return Promise.reject(this.failure);
        return new Promise((resolve, reject) => {
          close = reject;
          this.#wake = (batch) => {
            const records = this.records.filter(({ offset }) => offset >= position && offset < batch.nextOffset);
            position = batch.nextOffset;
            resolve({ ...batch, records });
          };
          if (position < this.end && !this.stuck) this.deliver();
        });
      },
      close: () => close(new ReaderClosedError('closed')),
    };
  }

  /** Lets the reader move to `end`. */
  deliver(): void {
    this.#wake?.({ records: [], nextOffset: this.end, endOffset: this.end, leaderEpoch: this.said.leaderEpoch });
    this.#wake = null;
  }
}

export class SimulatedPartition {
  /** The clock of the machine. A test may set it. */
  now = Date.UTC(2027, 0, 1);
  /** Milliseconds of waits: nobody sets this clock. */
  #steadyMs = 0;
  readonly input = new SilentLog();
  readonly changelog = new SilentLog();
  /** The topics of announcements and of dead letters. What the partition writes there is not kept. */
  readonly outbound = { synchronized: new SilentLog(), failed: new SilentLog(), deadLetter: new SilentLog() };
  /** The number of changes in each write to the disk. */
  writes = 0;
  takeOvers = 0;
  /** The number of proving transactions. */
  proofs = 0;
  /** The group's offset in the input. */
  committed: CommittedOffset | null = null;
  /** What the group's coordinator says about a pending offset, and whether most brokers name that coordinator. */
  coordinator: PendingOffset = { isPending: false, byMost: true };
  /** Called when the transaction of a batch is to be committed: the store has applied the batch. */
  onCommit: () => void = () => undefined;
  readonly setAside: string[] = [];
  readonly errors: unknown[] = [];
  /** The errors that should have ended the process. */
  readonly ended: Error[] = [];
  readonly standbyPositions: number[] = [];
  /** Keeps one RocksDB open over all take-overs: opening it takes longer than all else. */
  keepsOpen = false;
  /** The signal of the running task, once it has asked for the group's confirmation. */
  signalOfTask: AbortSignal | null = null;
  /** Of the group, for this member; the member waits for it. */
  confirmation = Promise.resolve();
  readonly context: PipelineContext;
  #kept: KeyValueStore | null = null;
  #isOver: () => boolean = () => false;
  #held: (() => void) | null = null;
  #onHeld: () => void = () => undefined;

  /**
   * @param folder STATE_DIR
   * @param changelogId the topic id that the start of the process has checked
   */
  constructor(
    private readonly folder: string,
    changelogId: string | null = null,
  ) {
    const observer: Partial<PipelineObserver> = {
      setAside: (_, why) => void this.setAside.push(why),
      restore: () => undefined,
      error: (_, error) => void this.errors.push(error),
      standbyError: (_, error) => void this.errors.push(error),
      standby: (_, progress) => void (progress !== null && this.standbyPositions.push(progress.position)),
      state: () => undefined,
      step: () => undefined,
      companies: () => undefined,
      restoreStalled: () => undefined,
    };
    const context: Partial<PipelineContext> = {
      applicationId: 'app',
      decidingSettings: new Map(),
      mayChangeSettings: false,
      endProcess: (error) => void this.ended.push(error),
      clusterId: 'cluster',
      kafkaCommand: kafkaCommandsFor({ brokers: ['broker:9092'], isSecured: false }),
      topics: TOPICS,
      stalledAfterMs: 60 * HOUR_MS,
      commitIntervalMs: 0,
      deleteRetentionMs: RETENTION_MS,
      cacheBytes: () => 1e6,
      loadBytes: () => Infinity,
      clock: { now: () => this.now, monotonicMs: () => this.#steadyMs, delay: (ms, signal) => this.#delay(ms, signal) },
      inputLogs: this.#logs(() => this.input),
      changelogLogs: this.#logs((topic) => this.#written(topic)),
      transactions: { fence: () => Promise.resolve(this.#producer()) },
      membership: { start: never, stop: never, confirmed: (signal) => this.#confirmed(signal) },
      partitioner: { partitionFor: never, targets: (_, to) => ({ partitions: [to], isExclusive: true }) },
      statePositions: new StatePositions(),
      known: new KnownState(changelogId),
      state: this.#countingWrites(),
      settings: { ready: () => Promise.resolve(), policyOf: never },
      failureId: ({ companyId, attempt }) => `${companyId}/${attempt}`,
      observer: observer as PipelineObserver,
    };
    this.context = context as PipelineContext;
  }

  /** Lets time pass until `isOver`. The partition then waits where it is. */
  run(isOver: () => boolean): Promise<void> {
    let waits = 0;
    let overrun = false;
    this.#isOver = () => isOver() || (overrun = ++waits > MAX_WAITS);
    return new Promise((resolve, reject) => {
      this.#onHeld = () => (overrun ? reject(new Error(`nothing came of ${MAX_WAITS} waits`)) : resolve());
      const held = this.#held;
      this.#held = null;
      held?.();
    });
  }

  /** Lets this time pass, or slightly more. */
  pass(ms: number): Promise<void> {
    const until = this.now + ms;
    return this.run(() => this.now >= until);
  }

  /** Lets the partition wait this many times. */
  turns(count: number): Promise<void> {
    let left = count;
    return this.run(() => left-- <= 0);
  }

  /** A copy of the folder as a crash at this moment would leave it. */
  crash(to: string): void {
    cpSync(this.folder, to, { recursive: true });
  }

  /** The store waits for its next delay, so the partition must continue before it can stop. */
  async end(task: { stop(): void; readonly ended: Promise<void> }): Promise<void> {
    task.stop();
    this.#isOver = () => false;
    this.#held?.();
    await task.ended;
  }

  #delay(ms: number, signal?: EndSignal): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        signal?.removeEventListener('abort', over);
        resolve();
      };
      if (signal?.aborted === true) return resolve();
      signal?.addEventListener('abort', over);
      const pass = (): void => {
        if (signal?.aborted !== true) this.now += ms;
        if (signal?.aborted !== true) this.#steadyMs += ms;
        setImmediate(over);
      };
      if (!this.#isOver()) return pass();
      this.#held = pass;
      this.#onHeld();
    });
  }

  #confirmed(signal: AbortSignal): Promise<void> {
    this.signalOfTask = signal;
    return this.confirmation;
  }

  #written(topic: string): SilentLog {
    const { synchronized, failed, deadLetter } = this.outbound;
    if (topic === TOPICS.synchronized) return synchronized;
    if (topic === TOPICS.failed) return failed;
    return topic === TOPICS.deadLetter ? deadLetter : this.changelog;
  }

  #logs(of: (topic: string) => SilentLog): Logs {
    return {
      reader: ({ topic }, from, followed) => of(topic).reader(from, followed),
      bounds: ({ topic }) => of(topic).bounds(),
      committedOffset: () => Promise.resolve(this.committed),
      endOfEpoch: ({ topic }, epoch) => Promise.resolve(of(topic).endOfEpoch(epoch)),
      pendingOffset: () => Promise.resolve(this.coordinator),
    };
  }

  #producer(): TransactionalProducer {
    this.takeOvers++;
    const done = () => Promise.resolve();
    let offset: CommittedOffset = { offset: 0, leaderEpoch: -1 };
    let written: LogRecord[] = [];
    const producer: TransactionalProducer = {
      ...UNUSED_PRODUCER,
      lostConnection: () => false,
      openFrom: () => Promise.resolve('nothing'), // Other producers have opened what is open.
      prove: () => {
        this.proofs++;
        const changelogEnd = this.changelog.end;
        this.changelog.end += 2; // The record and the marker that aborts it.
        return Promise.resolve({ changelogEnd, committed: this.committed });
      },
      begin: () => {
        written = [];
        return done();
      },
      discard: done,
      prepare: ({ topic }, records) => {
        const copies = [...records];
        return () => {
          for (const { key, value } of copies) {
            const record = { offset: this.changelog.end++, timestamp: 0, key, value, headers: [] };
            if (topic === TOPICS.changelog) written.push(record);
          }
          return Promise.resolve(this.changelog.end);
        };
      },
      produce: (to, records) => producer.prepare(to, records)(),
      sendOffset: (_, nextOffset) => {
        offset = nextOffset;
        return Promise.resolve();
      },
      commit: () => {
        this.onCommit();
        this.changelog.records.push(...written);
        this.changelog.end++; // The marker.
        this.committed = offset;
        return Promise.resolve();
      },
    };
    return producer;
  }

  #countingWrites(): StateDirectory {
    const state = new ExclusiveStateDirectory(new RocksStateDirectory(this.folder, { now: () => this.now }));
    return {
      setAside: (partition, why, store) => state.setAside(partition, why, store),
      readSetAside: (partition, read) => state.readSetAside(partition, read),
      open: async (partition) => {
        if (this.#kept !== null) return this.#kept;
        const store = await state.open(partition);
        if (this.keepsOpen) this.#kept = Object.assign(store, { close: () => Promise.resolve() });
        const write = store.write.bind(store);
        store.write = (changes) => {
          this.writes++;
          return write(changes);
        };
        return store;
      },
    };
  }
}

/** The folder's own changelog position, and its note of the time when it was last at the end. */
export async function positionIn(folder: string): Promise<ChangelogPosition> {
  const store: KeyValueStore = await RocksDbStore.open(join(folder, `partition-${PARTITION}`));
  try {
    const [position] = await store.read([CHANGELOG_POSITION_KEY]);
    return decodeChangelogPosition(position as Buffer);
  } finally {
    await store.close();
  }
}
