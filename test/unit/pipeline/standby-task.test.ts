/**
 * When a standby asks for the changelog's end. With a real broker, a former owner would release its store too soon to
 * show it.
 */
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError, ReaderClosedError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import { openStore } from '../../../src/pipeline/open-store.js';
import type { LogBounds, LogIdentity, LogReader, Logs } from '../../../src/pipeline/ports.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { UnprovedChangelogError } from '../../../src/store/examine-store.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { never, UNUSED_LOGS } from './unused-ports.js';

const PARTITION = 3;
const folder = temporaryFolder();

/** An instance whose changelog ends at `end`, with nothing new to read. */
const EMPTY = {
  changelog: { start: 0, end: 0, highWatermark: 0, ...SEEN_BY_MOST },
  proved: false,
  askedAt: 0,
  committed: () => Promise.resolve(null),
};

class Instance {
  end = 0;
  /** Other values of the changelog's bounds. */
  said: Partial<LogBounds> = {};
  /** The ends of former leader epochs. */
  endOfEpoch: number | null = null;
  readonly reads: (LogIdentity | undefined)[] = [];
  /** Resolves with the position from which a standby follows the changelog. */
  readonly following: Promise<number>;
  readonly errors: unknown[] = [];
  readonly context: PipelineContext;
  #follow: (from: number) => void = never;

  constructor(bounds: () => Promise<void> = () => Promise.resolve()) {
    this.following = new Promise((resolve) => (this.#follow = resolve));
    const changelogLogs: Logs = {
      ...UNUSED_LOGS,
      reader: (_, from, log) => {
        this.reads.push(log);
        return this.#reader(from);
      },
      bounds: async () => {
        const { end } = this;
        await bounds();
        return { start: 0, end, highWatermark: end, ...SEEN_BY_MOST, ...this.said };
      },
      endOfEpoch: () => Promise.resolve(this.endOfEpoch),
    };
    const observer: Partial<PipelineContext['observer']> = {
      setAside: (_, why) => this.errors.push(`set aside: ${why}`),
      standby: () => undefined,
      standbyError: (_, error) => this.errors.push(error),
    };
    const context: Partial<PipelineContext> = {
      applicationId: 'app',
      clusterId: 'cluster',
      topics: TOPICS,
      deleteRetentionMs: 0,
      clock: { now: () => 0, delay: () => turn() },
      changelogLogs,
      statePositions: new StatePositions(),
      known: new KnownState(null),
      state: new ExclusiveStateDirectory(new RocksStateDirectory(folder(), { now: () => 0 })),
      observer: observer as PipelineContext['observer'],
    };
    this.context = context as PipelineContext;
  }

  #reader(from: number): LogReader {
    this.#follow(from);
    let close: () => void = never;
    const closed = new Promise<never>((_, reject) => (close = () => reject(new ReaderClosedError('closed'))));
    closed.catch(() => undefined);
    return { next: () => closed, close };
  }
}

test('a former owner may commit until it releases the store: the standby after it keeps the folder', async () => {
  const instance = new Instance();
  const owner = await openStore(instance.context, PARTITION, EMPTY);
  const standby = new StandbyTask(instance.context, PARTITION);
  for (let i = 0; i < 10; i++) await turn();

  instance.end = 20;
  await owner.replay([], 20);
  instance.context.statePositions.note(PARTITION, 20);
  await owner.close();
  expect(await instance.following).toBe(20);
  standby.stop();
  await standby.ended;
  expect(instance.errors).toEqual([]);
  expect(readdirSync(folder())).toEqual([`partition-${PARTITION}`]);
});

test('a standby that cannot ask for the end of the changelog, or is stopped meanwhile, releases the store', async () => {
  const failure = new BrokerError('the leader is gone');
  const answers = [
    () => Promise.reject(failure),
    () => {
      standby.stop();
      return Promise.resolve();
    },
  ];
  const instance = new Instance(() => (answers.shift() ?? never)());
  const standby: StandbyTask = new StandbyTask(instance.context, PARTITION);
  await standby.ended;
  expect(instance.errors).toEqual([failure]);
  await (await instance.context.state.open(PARTITION)).close();
});

/** A folder that has followed the changelog up to 20. */
async function upTo20(): Promise<Instance> {
  const instance = new Instance();
  const store = await openStore(instance.context, PARTITION, EMPTY);
  await store.replay([], 20);
  await store.close();
  instance.end = 5;
  return instance;
}

/** Runs a standby until it follows the changelog, or fails. @returns the position from which it follows */
async function standBy(instance: Instance): Promise<number | null> {
  let from: number | null = null;
  void instance.following.then((position) => (from = position));
  const standby = new StandbyTask(instance.context, PARTITION);
  while (instance.errors.length === 0 && from === null) await turn();
  standby.stop();
  await standby.ended;
  return from;
}

test('a standby whose folder is ahead of the changelog sets it aside, before the log has grown past it', async () => {
  const instance = await upTo20();
  await standBy(instance);
  expect(instance.errors).toEqual([
    expect.stringContaining('set aside: the folder has followed the changelog up to 20'),
  ]);
});

test('a standby whose folder is ahead of the changelog keeps it while too few brokers answer', async () => {
  const instance = await upTo20();
  instance.said = { byMost: false };
  await standBy(instance);
  expect(instance.errors).toEqual([expect.any(UnprovedChangelogError)]);
  expect(readdirSync(folder())).toEqual([`partition-${PARTITION}`]);
});

test.each([
  ['the same leader answers', 3, null],
  ['a new leader has all that was followed', 4, 20],
])("a standby waits if the changelog's end falls for a moment: %s", async (_, leaderEpoch, endOfEpoch) => {
  const instance = new Instance();
  const log = { topicId: 'id', leaderEpoch: 3 };
  const owner = await openStore(instance.context, PARTITION, {
    ...EMPTY,
    changelog: { ...EMPTY.changelog, end: 20, ...log },
  });
  await owner.replay([], 20, 3);
  await owner.close();
  instance.end = 5;
  instance.said = { ...log, leaderEpoch };
  instance.endOfEpoch = endOfEpoch;
  const standby = new StandbyTask(instance.context, PARTITION);
  while (instance.errors.length === 0) await turn();
  expect(instance.errors[0]).toBeInstanceOf(UnprovedChangelogError);
  instance.end = 20;
  expect(await instance.following).toBe(20);
  standby.stop();
  await standby.ended;
  expect(readdirSync(folder())).toEqual([`partition-${PARTITION}`]);
});

test('a standby keeps a folder that is ahead only of decided transactions', async () => {
  const instance = await upTo20();
  instance.said = { highWatermark: 20 };
  expect(await standBy(instance)).toBe(20);
  expect(instance.errors).toEqual([]);
});

test('a standby follows the changelog as the log that the folder belongs to', async () => {
  const instance = new Instance();
  instance.said = { topicId: 'id', leaderEpoch: 3 };
  const standby = new StandbyTask(instance.context, PARTITION);
  await instance.following;
  expect(instance.reads).toMatchObject([{ topicId: 'id', leaderEpoch: 3 }]);
  standby.stop();
  await standby.ended;
});

test('a folder whose records the changelog has lost is set aside, although the log has grown past them', async () => {
  const instance = new Instance();
  const owner = await openStore(instance.context, PARTITION, {
    changelog: { ...EMPTY.changelog, end: 20, topicId: 'id', leaderEpoch: 3 },
    proved: true,
    askedAt: 0,
    committed: () => Promise.resolve(null),
  });
  await owner.replay([], 20, 3);
  await owner.close();
  instance.end = 40;
  instance.said = { topicId: 'id', leaderEpoch: 4 };
  instance.endOfEpoch = 17;
  const standby = new StandbyTask(instance.context, PARTITION);
  expect(await instance.following).toBe(0);
  expect(instance.errors).toEqual([expect.stringContaining('the changelog has lost records')]);
  standby.stop();
  await standby.ended;
});
