/** When a standby looks at the changelog: with a broker, a former owner lets go of its store too soon to show it. */
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError, ReaderClosedError } from '../../../src/pipeline/errors.js';
import { HeldPositions } from '../../../src/pipeline/held-positions.js';
import { openStore } from '../../../src/pipeline/open-store.js';
import type { LogReader, Logs } from '../../../src/pipeline/ports.js';
import { StandbyTask } from '../../../src/pipeline/standby-task.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

const PARTITION = 3;
const folder = temporaryFolder();

function never(): never {
  throw new Error('that should not have been asked for');
}

/** An instance whose changelog ends at `end`, with nothing new to read. */
const EMPTY = { changelog: { start: 0, end: 0, highWatermark: 0, ...SEEN_BY_MOST }, proved: false };

class Instance {
  end = 0;
  /** Resolves with the position from which a standby follows the changelog. */
  readonly following: Promise<number>;
  readonly errors: unknown[] = [];
  readonly context: PipelineContext;
  #follow: (from: number) => void = never;

  constructor(bounds: () => Promise<void> = () => Promise.resolve()) {
    this.following = new Promise((resolve) => (this.#follow = resolve));
    const changelogLogs: Logs = {
      reader: (_, from) => this.#reader(from),
      bounds: async () => {
        const { end } = this;
        await bounds();
        return { start: 0, end, highWatermark: end, ...SEEN_BY_MOST };
      },
      committedOffset: never,
      offsetIsPending: never,
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
      held: new HeldPositions(),
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

test('a former owner may commit until it lets go of the store: the standby after it keeps the folder', async () => {
  const instance = new Instance();
  const owner = await openStore(instance.context, PARTITION, EMPTY);
  const standby = new StandbyTask(instance.context, PARTITION);
  for (let i = 0; i < 10; i++) await turn();

  instance.end = 20;
  await owner.replay([], 20);
  instance.context.held.note(PARTITION, 20);
  await owner.close();
  expect(await instance.following).toBe(20);
  standby.stop();
  await standby.ended;
  expect(instance.errors).toEqual([]);
  expect(readdirSync(folder())).toEqual([`partition-${PARTITION}`]);
});

test('a standby that cannot ask for the end of the changelog, or is stopped meanwhile, lets go of the store', async () => {
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

/** A folder that has followed the changelog up to `offset`. */
async function leaveFolder(instance: Instance, offset: number): Promise<void> {
  const store = await openStore(instance.context, PARTITION, EMPTY);
  await store.replay([], offset);
  await store.close();
}

test('a standby waits until the markers of what this instance has written are there', async () => {
  const instance: Instance = new Instance(() => {
    instance.end = 20; // At the next question.
    return Promise.resolve();
  });
  await leaveFolder(instance, 20);
  instance.context.held.note(PARTITION, 20);
  instance.end = 18;
  const standby = new StandbyTask(instance.context, PARTITION);
  expect(await instance.following).toBe(20);
  standby.stop();
  await standby.ended;
  expect(instance.errors).toEqual([]);
});

test('a standby never sets a folder aside on the word of a broker: nothing is proved', async () => {
  const instance = new Instance();
  await leaveFolder(instance, 20);
  instance.end = 12;
  const standby = new StandbyTask(instance.context, PARTITION);
  while (instance.errors.length === 0) await turn();
  instance.end = 20;
  expect(await instance.following).toBe(20);
  standby.stop();
  await standby.ended;
  expect(new Set(instance.errors.map((error) => (error as Error).name))).toEqual(new Set(['UnprovedChangelogError']));
  expect(readdirSync(folder())).toEqual([`partition-${PARTITION}`]);
});
