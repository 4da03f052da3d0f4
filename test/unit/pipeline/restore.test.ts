/** What an operator sees of a restore, and what an interrupted restore leaves. */
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { MissedDeletionsError, ReaderClosedError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import type { RestoreProgress } from '../../../src/pipeline/observer.js';
import type { LogBatch, LogIdentity } from '../../../src/pipeline/ports.js';
import { restore } from '../../../src/pipeline/restore.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { TOPICS } from './topics.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

const END = 10;
const RETENTION_MS = 24 * HOUR_MS;
const LOG = { end: END, topicId: 'id', leaderEpoch: 3 };

/** A restore from offset 2 whose reader answers when the test says so. */
class Restore {
  now = 1_000;
  readonly progress: RestoreProgress[] = [];
  readonly stalled: number[] = [];
  readonly read: { from: number; log: LogIdentity }[] = [];
  /** Of what was written. */
  readonly epochs: (number | undefined)[] = [];
  readonly written: number[] = [];
  readonly statePositions = new StatePositions();
  readonly stopping = new AbortController();
  readonly outcome: Promise<void>;
  #answer: { give: (batch: LogBatch) => void; fail: (error: Error) => void } | null = null;
  #elapse: () => void = () => undefined;

  constructor() {
    const context: Partial<PipelineContext> = {
      topics: TOPICS,
      deleteRetentionMs: RETENTION_MS,
      statePositions: this.statePositions,
      clock: { now: () => this.now, delay: () => new Promise((resolve) => (this.#elapse = resolve)) },
      changelogLogs: {
        reader: (_at: unknown, from: number, log: LogIdentity) => ({
          asked: this.read.push({ from, log }),
          next: () => new Promise((give, fail) => (this.#answer = { give, fail })),
          close: () => this.#answer?.fail(new ReaderClosedError('closed')),
        }),
      } as unknown as PipelineContext['changelogLogs'],
      observer: {
        restore: (_partition: number, progress: RestoreProgress) => this.progress.push(progress),
        restoreStalled: (_partition: number, _progress: RestoreProgress, ms: number) => this.stalled.push(ms),
      } as unknown as PipelineContext['observer'],
    };
    const store: Partial<PartitionStore> = {
      readFrom: 2,
      isPastOwnBatch: () => false,
      atEndMs: 1_000,
      replay: (_records, nextPosition, leaderEpoch) => {
        this.written.push(nextPosition);
        this.epochs.push(leaderEpoch);
        return Promise.resolve();
      },
    };
    this.outcome = restore(context as PipelineContext, 3, store as PartitionStore, LOG, this.stopping.signal);
    this.outcome.catch(() => undefined); // Awaited by the test.
  }

  async give(nextOffset: number): Promise<void> {
    const record = { offset: nextOffset - 1, timestamp: 0, key: Buffer.from('key'), value: Buffer.from('value') };
    this.#answer?.give({ records: [{ ...record, headers: [] }], nextOffset, endOffset: END, leaderEpoch: 4 });
    await new Promise(setImmediate);
  }

  async elapse(): Promise<void> {
    this.#elapse();
    await new Promise(setImmediate);
  }
}

test('progress has records, bytes and the time left at the rate so far', async () => {
  const run = new Restore();
  run.now += 300;
  await run.give(8);
  expect(run.progress).toEqual([{ start: 2, end: END, position: 8, records: 1, bytes: 8, remainingMs: 100 }]);
  await run.give(END);
  await run.outcome;
  expect(run.progress.at(-1)).toMatchObject({ records: 2, bytes: 16, remainingMs: 0 });
});

test('a restore without records reports that, again and again, and continues when records come', async () => {
  const run = new Restore();
  await run.elapse();
  await run.elapse();
  expect(run.stalled).toEqual([10_000, 20_000]);
  await run.give(END);
  await run.outcome;
  expect(run.written).toEqual([END]);
});

test('a restore that is interrupted has written its position', async () => {
  const run = new Restore();
  await run.give(6);
  run.stopping.abort();
  await expect(run.outcome).rejects.toBeInstanceOf(ReaderClosedError);
  expect(run.written).toEqual([6]);
  expect(run.statePositions.all().get(3)).toBe(6);
});

test("the changelog is read as the log that the position belongs to, and the leader's epoch is stored", async () => {
  const run = new Restore();
  expect(run.read).toEqual([{ from: 2, log: LOG }]);
  await run.give(END);
  await run.outcome;
  expect(run.epochs).toEqual([4]);
});

test('a restore that was suspended for longer than tombstones are kept fails, and does not write what it read', async () => {
  const run = new Restore();
  run.now += RETENTION_MS - HOUR_MS;
  await run.give(6);
  run.now += 1;
  await run.give(END);
  await expect(run.outcome).rejects.toBeInstanceOf(MissedDeletionsError);
  expect(run.written).toEqual([6]);
});
