/**
 * The order within one transaction. A broker cannot show whether records or the offset were sent before the store had
 * the batch. So this test checks it, with steps that are answered only when the test says so.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Stopwatch } from '../../../src/lib/stopwatch.js';
import { AtEndNotes } from '../../../src/pipeline/at-end-notes.js';
import { BatchLimits } from '../../../src/pipeline/batch-limits.js';
import { ChangelogTail } from '../../../src/pipeline/changelog-tail.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError, FencedError, StaleViewError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PipelineObserver } from '../../../src/pipeline/observer.js';
import { commitPaced } from '../../../src/pipeline/paced-commit.js';
import type { LogBounds, Logs, TransactionalProducer } from '../../../src/pipeline/ports.js';
import { StoreUnavailableError, type KeyValueStore } from '../../../src/store/key-value-store.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import { PartitionStore } from '../../../src/store/partition-store.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { never, UNUSED_PRODUCER, UNUSED_LOGS } from './unused-ports.js';

type Step = 'begin' | 'write' | 'produce' | 'sendOffset' | 'commit';

/** The requested steps, in order, and their answers. */
class Steps {
  readonly asked: Step[] = [];
  readonly #answers = new Map<Step, { resolve: () => void; reject: (error: Error) => void }>();

  ask(step: Step): Promise<void> {
    this.asked.push(step);
    return new Promise((resolve, reject) => this.#answers.set(step, { resolve, reject }));
  }

  /** @returns the steps that were requested until no further step can follow from the answer */
  async answer(step: Step, error?: Error): Promise<Step[]> {
    const { resolve, reject } = this.#answers.get(step) ?? { resolve: never, reject: never };
    if (error === undefined) resolve();
    else reject(error);
    await turn();
    return this.asked;
  }
}

const noLogs: Logs = UNUSED_LOGS;
const NO_DECISIONS = { touched: [], announcements: [], badRecords: [], stalls: [], failures: [], end: 0 };
const CHANGELOG_END = 7;

/**
 * Begins to commit a batch that changes only the position.
 *
 * @param lost a connection was lost since the last batch, and the changelog can be read only up to this offset
 * @param saidToEnd the reported end of the changelog; the batch has two rows, and really begins at 5
 */
function committing(
  lost?: Pick<LogBounds, 'end' | 'highWatermark'>,
  saidToEnd = CHANGELOG_END - 2,
  { lostUnnoticed = false, lastBegunAgo }: { lostUnnoticed?: boolean; lastBegunAgo?: number } = {},
): {
  steps: Steps;
  outcome: Promise<number>;
  store: PartitionStore;
  limits: BatchLimits;
} {
  const steps = new Steps();
  const producer: TransactionalProducer = {
    ...UNUSED_PRODUCER,
    lostConnection: () => lost !== undefined && !lostUnnoticed,
    openFrom: () => Promise.resolve(0),
    begin: () => steps.ask('begin'),
    prepare: () => () => steps.ask('produce').then(() => CHANGELOG_END),
    sendOffset: () => steps.ask('sendOffset'),
    commit: () => steps.ask('commit'),
    discard: () => Promise.resolve(),
  };
  const disk: KeyValueStore = {
    read: (keys) => Promise.resolve(keys.map(() => null)),
    scan: () => Promise.resolve([]),
    page: () => Promise.resolve([]),
    snapshot: never,
    write: () => steps.ask('write'),
    close: () => Promise.resolve(),
  };
  const store = new PartitionStore(disk, () => Promise.resolve(), { offset: 0, atEndMs: 0 }, null);
  const context: Partial<PipelineContext> = {
    topics: TOPICS,
    clock: { now: () => 0, delay: never },
    statePositions: new StatePositions(),
    known: new KnownState(null),
    partitioner: { partitionFor: never, targets: (_, to) => ({ partitions: [to], isExclusive: true }) },
    inputLogs: { ...noLogs, pendingOffset: () => Promise.resolve({ isPending: false, byMost: true }) },
    changelogLogs: { ...noLogs, bounds: () => Promise.resolve({ start: 0, ...SEEN_BY_MOST, ...(lost ?? never()) }) },
    observer: { step: () => undefined } as Partial<PipelineObserver> as PipelineObserver,
  };
  const tail = new ChangelogTail(saidToEnd);
  if (lastBegunAgo !== undefined) {
    const times = [0, lastBegunAgo];
    // Meanwhile the clock of the machine was set back.
    tail.committed(saidToEnd, new Stopwatch({ now: () => 0, monotonicMs: () => times.shift() ?? never() }));
  }
  const owned = {
    producer,
    store,
    tail,
    counted: new CountedCompanies(null),
    from: 0,
    origin: new Map<string, string>(),
    inputLog: { topicId: null, leaderEpoch: -1 },
    mustWriteOriginFirst: false,
    notes: new AtEndNotes(context as PipelineContext, 0, store),
  };
  const limits = new BatchLimits({ now: () => 0 });
  const batch = { decisions: NO_DECISIONS, nextOffset: 10, size: { records: limits.records, rows: limits.rows } };
  const outcome = commitPaced(context as PipelineContext, 0, owned, limits, batch);
  outcome.catch(() => undefined); // Awaited by the test at its end.
  return { steps, outcome, store, limits };
}

test('nothing is produced and no offset sent before the store has the batch and the transaction has begun', async () => {
  const { steps, outcome, store } = committing();
  expect([...steps.asked].sort()).toEqual(['begin', 'write']);
  expect(await steps.answer('begin')).toHaveLength(2);
  expect((await steps.answer('write')).slice(2).sort()).toEqual(['produce', 'sendOffset']);
  expect(await steps.answer('sendOffset')).toHaveLength(4);
  expect((await steps.answer('produce')).slice(4)).toEqual(['commit']);
  expect(store.changelogPosition).toBe(0);
  await steps.answer('commit');
  expect(await outcome).toBe(2);
  expect(store.changelogPosition).toBe(CHANGELOG_END);
});

test('after a lost connection, nothing is done before the last transaction is known to have ended everywhere', async () => {
  const { steps, outcome } = committing({ end: 5, highWatermark: 7, ...SEEN_BY_MOST });
  await expect(outcome).rejects.toThrow(BrokerError);
  expect(steps.asked).toEqual([]);

  const whole = committing({ end: 7, highWatermark: 7, ...SEEN_BY_MOST });
  await turn();
  expect([...whole.steps.asked].sort()).toEqual(['begin', 'write']);
});

test('the same applies after a commit that is long ago: its leader may be gone without a lost connection', async () => {
  const open = { end: 5, highWatermark: 7 };
  const longAgo = committing(open, undefined, { lostUnnoticed: true, lastBegunAgo: 3_001 });
  await expect(longAgo.outcome).rejects.toThrow(BrokerError);
  expect(longAgo.steps.asked).toEqual([]);

  const recent = committing(open, undefined, { lostUnnoticed: true, lastBegunAgo: 3_000 });
  await turn();
  expect([...recent.steps.asked].sort()).toEqual(['begin', 'write']);
});

test('nothing is sent before the transaction has begun, even if the store is faster', async () => {
  const { steps } = committing();
  expect(await steps.answer('write')).toHaveLength(2);
  expect((await steps.answer('begin')).slice(2).sort()).toEqual(['produce', 'sendOffset']);
});

test('a batch that the store does not accept is never sent', async () => {
  const { steps, outcome } = committing();
  await steps.answer('begin');
  const full = new StoreUnavailableError('No space left on device');
  expect(await steps.answer('write', full)).toHaveLength(2);
  await expect(outcome).rejects.toBe(full);
});

test.each(['produce', 'sendOffset'] as const)('a transaction whose %s failed is not committed', async (step) => {
  const { steps, outcome, store } = committing();
  await steps.answer('begin');
  await steps.answer('write');
  const failure = new Error('the broker is gone');
  await steps.answer(step, failure);
  expect(await steps.answer(step === 'produce' ? 'sendOffset' : 'produce')).toHaveLength(4);
  await expect(outcome).rejects.toBe(failure);
  expect(store.changelogPosition).toBe(0);
});

test('nothing is committed if the first record written is not at the reported end of the changelog', async () => {
  const { steps, outcome, limits } = committing(undefined, 3);
  const { records } = limits;
  await steps.answer('begin');
  await steps.answer('write');
  await steps.answer('sendOffset');
  await steps.answer('produce');
  await expect(outcome).rejects.toThrow(StaleViewError);
  expect(steps.asked).not.toContain('commit');
  expect(limits.records).toBe(records);
});

test.each([
  [
    'a disk that fails does not change how large the next batch may be',
    'write',
    new StoreUnavailableError('I/O error'),
    1,
  ],
  ['a broker that fails halves it at least', 'produce', new BrokerError('no answer'), 1 / 2],
  ['and so does a fence', 'produce', new FencedError('the transaction timed out'), 1 / 2],
] as const)('%s, although the transaction had begun', async (_, step, failure, factor) => {
  const { steps, outcome, limits } = committing();
  const { records, rows } = limits;
  await steps.answer('begin');
  if (step === 'produce') {
    await steps.answer('write');
    await steps.answer('sendOffset');
  }
  await steps.answer(step, failure);
  await expect(outcome).rejects.toBe(failure);
  const halved = { records: Math.floor(records * factor), rows: Math.floor(rows * factor) };
  expect({ records: limits.records, rows: limits.rows }).toEqual(halved);
});

test('a broker that fails before the transaction has begun proves nothing about its size', async () => {
  const { steps, outcome, limits } = committing();
  const { records, rows } = limits;
  await steps.answer('write');
  await steps.answer('begin', new BrokerError('no answer'));
  await expect(outcome).rejects.toThrow(BrokerError);
  expect({ records: limits.records, rows: limits.rows }).toEqual({ records, rows });
});
