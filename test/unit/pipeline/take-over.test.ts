/**
 * The order of a take-over, its proofs before it decides, and the release after a failure. A broker would show a wrong
 * order only in the few milliseconds of a former owner's commit, so it is tested here.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import {
  BrokerError,
  InconsistentPositionError,
  SettingsChangedError,
  StaleViewError,
  UnreadableBatchError,
} from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type {
  CommittedOffset,
  LogBounds,
  LogReader,
  Proof,
  TransactionalProducer,
} from '../../../src/pipeline/ports.js';
import { takeOver, type OwnedPartition } from '../../../src/pipeline/take-over.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import type { KeyChange, KeyValueStore } from '../../../src/store/key-value-store.js';
import {
  changelogPositionChanges,
  encodeFollowedLog,
  encodeIdentity,
  FOLLOWED_LOG_KEY,
  IDENTITY_KEY,
  type FollowedLog,
} from '../../../src/store/partition-meta.js';
import { writeOriginRow, writePositionRow } from '../../../src/store/row-codec.js';
import { ORIGIN_KEY, POSITION_KEY } from '../../../src/store/row-keys.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { TOPICS } from './topics.js';
import { never, UNUSED_PRODUCER, UNUSED_LOGS } from './unused-ports.js';

const PARTITION = 3;
const EMPTY: LogBounds = { start: 0, end: 0, highWatermark: 0, ...SEEN_BY_MOST };

function logUpTo(end: number, more: Partial<LogBounds> = {}): LogBounds {
  return { ...EMPTY, end, highWatermark: end, ...more };
}

/** Committed by an earlier release, without a leader epoch. */
function at(offset: number): CommittedOffset {
  return { offset, leaderEpoch: -1 };
}

function encoded<T>(row: T, write: (to: ByteWriter, row: T) => void): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to, row);
  return to.end();
}

function unreadableBatch(firstOffset: number, nextOffset: number): UnreadableBatchError {
  return new UnreadableBatchError(
    { topic: TOPICS.input, partition: PARTITION },
    { firstOffset, nextOffset, why: '' },
    '',
  );
}

interface Folder {
  readonly changelogOffset: number;
  readonly position: number;
  readonly log?: FollowedLog;
  /** The epoch of the leader that the folder has followed. */
  readonly epoch?: number;
  readonly origin?: ReadonlyMap<string, string>;
}

interface Situation {
  readonly input?: LogBounds | Error;
  readonly changelog?: LogBounds;
  readonly committed?: number | null;
  /** The leader epoch that was committed with it. */
  readonly committedIn?: number;
  /** The ends of leader epochs, in input and changelog. */
  readonly endOfEpoch?: number | null;
  /** The result of the proving write; null if there must be no such write. */
  readonly proof?: Proof | null;
  /** The answers after the proof. */
  readonly provedInput?: LogBounds;
  readonly provedChangelog?: LogBounds;
  /** When the changelog is restored, another owner has written to it up to this offset. */
  readonly restoredUpTo?: number;
  /** The batch of the input that cannot be read. Without it, the input must not be read. */
  readonly unreadable?: { readonly firstOffset: number; readonly nextOffset: number };
  /** The brokers' answer about the changelog from the second request on. The first request comes from the fencing. */
  readonly looked?: LogBounds;
  /** From the third request on. */
  readonly later?: LogBounds;
  /** An open transaction has an offset of the group, until another transaction overwrites it. */
  readonly offsetIsPending?: boolean;
  readonly folder?: Folder;
  /** The changelog has no position row. */
  readonly hasLostLastRow?: boolean;
  /** The `ce_source` of the newest announcement in the partition's outbound partition; or why it cannot be read. */
  readonly announced?: string | Error;
  readonly mayBeFirstStart?: boolean;
  readonly decidingSettings?: ReadonlyMap<string, string>;
  readonly mayChangeSettings?: boolean;
  /** Milliseconds since the folder was last known to be at the changelog's end. */
  readonly now?: number;
}

/** Begins to take over a partition. `asked` has the requests, in order. */
class TakeOver {
  readonly asked: string[] = [];
  readonly setAside: string[] = [];
  /** Producers that were fenced in and not discarded. */
  readonly unreleased = new Set<TransactionalProducer>();
  readonly reasons: (string | null)[] = [];
  /** Answers the fencing. */
  fenced: () => void = never;
  readonly stopping = new AbortController();
  readonly outcome: Promise<OwnedPartition>;
  #isProved = false;
  #fencings = 0;
  #rows = new Map<string, Buffer>();
  #rowsSetAside: Map<string, Buffer> | null = null;

  constructor(private readonly situation: Situation = {}) {
    const { folder, committed = null, committedIn = -1, endOfEpoch = null, now = 0 } = situation;
    const { decidingSettings = new Map(), mayChangeSettings = false, mayBeFirstStart = false } = situation;
    if (folder !== undefined) this.#fill(folder);
    const context: Partial<PipelineContext> = {
      applicationId: 'app',
      clusterId: 'cluster',
      topics: TOPICS,
      deleteRetentionMs: 0,
      decidingSettings,
      mayChangeSettings,
      mayBeFirstStart,
      clock: { now: () => now, delay: () => new Promise<void>(() => undefined) },
      inputLogs: {
        reader: (_at, from) => this.#readerOfUnreadable(from),
        bounds: () => this.#bounds('input'),
        committedOffset: () => {
          this.asked.push('committed offset');
          return Promise.resolve(committed === null ? null : { offset: committed, leaderEpoch: committedIn });
        },
        endOfEpoch: () => Promise.resolve(endOfEpoch),
        pendingOffset: () =>
          Promise.resolve({ isPending: situation.offsetIsPending === true && !this.#isProved, byMost: true }),
      },
      changelogLogs: {
        ...UNUSED_LOGS,
        reader: ({ topic }) =>
          topic === TOPICS.changelog ? this.#readerOfLastRow() : readerOfAnnouncement(situation.announced ?? never()),
        bounds: ({ topic }) => {
          if (topic === TOPICS.changelog) return this.#bounds('changelog');
          const isAnnounced = topic === TOPICS.synchronized && situation.announced !== undefined;
          return Promise.resolve(isAnnounced ? logUpTo(9) : EMPTY);
        },
        endOfEpoch: () => Promise.resolve(endOfEpoch),
      },
      transactions: {
        fence: (id) => {
          this.asked.push(`fence ${id}`);
          if (this.#fencings++ > 0) return Promise.resolve(this.#producer());
          return new Promise((resolve) => (this.fenced = () => resolve(this.#producer())));
        },
      },
      partitioner: { partitionFor: never, targets: (_, to) => ({ partitions: [to], isExclusive: true }) },
      statePositions: new StatePositions(),
      known: new KnownState(null),
      state: {
        open: () => Promise.resolve(this.#store()),
        setAside: () => {
          this.#rowsSetAside = this.#rows;
          this.#rows = new Map();
          return Promise.resolve();
        },
        readSetAside: (_, read) => {
          const rows = this.#rowsSetAside;
          if (rows === null) return Promise.resolve(null);
          const values = (keys: readonly Buffer[]) => keys.map((key) => rows.get(key.toString('hex')) ?? null);
          return read({ read: (keys) => Promise.resolve(values(keys)), scan: never });
        },
      },
      observer: {
        setAside: (_partition, why) => this.setAside.push(why),
        restore: () => undefined,
      } as Partial<PipelineContext['observer']> as PipelineContext['observer'],
    };
    const enter = ({ reason }: { reason: string | null }): void => void this.reasons.push(reason);
    this.outcome = takeOver(context as PipelineContext, PARTITION, enter, this.stopping.signal);
    this.outcome.catch(() => undefined); // Awaited by the test.
  }

  #fill({ changelogOffset, position, log, origin, epoch = -1 }: Folder): void {
    const put = (key: Buffer, value: Buffer): void => void this.#rows.set(key.toString('hex'), value);
    const identity = { clusterId: 'cluster', applicationId: 'app', topic: TOPICS.input, partition: PARTITION };
    put(IDENTITY_KEY, encodeIdentity(identity));
    for (const { key, value } of changelogPositionChanges({ offset: changelogOffset, atEndMs: 0 }, epoch))
      put(key, value as Buffer);
    put(POSITION_KEY, encoded({ topic: TOPICS.input, offset: position, countedUnder: 1 }, writePositionRow));
    if (log !== undefined) put(FOLLOWED_LOG_KEY, encodeFollowedLog(log));
    if (origin !== undefined) put(ORIGIN_KEY, encoded(origin, writeOriginRow));
  }

  #bounds(name: 'input' | 'changelog'): Promise<LogBounds> {
    this.asked.push(`bounds of ${name}`);
    const { input = EMPTY, changelog = EMPTY, provedInput, provedChangelog, looked, later } = this.situation;
    const answer = name === 'input' ? input : changelog;
    const proved = name === 'input' ? provedInput : provedChangelog;
    if (this.#isProved && proved !== undefined) return Promise.resolve(proved);
    const questions = this.asked.filter((what) => what === 'bounds of changelog').length;
    if (name === 'changelog' && questions > 2 && later !== undefined) return Promise.resolve(later);
    if (name === 'changelog' && questions > 1 && looked !== undefined) return Promise.resolve(looked);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  #readerOfUnreadable(from: number): LogReader {
    this.asked.push(`read the input from ${from}`);
    const { unreadable = never() } = this.situation;
    const error = unreadableBatch(unreadable.firstOffset, unreadable.nextOffset);
    return { next: () => Promise.reject(error), close: () => void this.asked.push('close the reader') };
  }

  /** What is left of the changelog are markers, and the position row of the folder. */
  #readerOfLastRow(): LogReader {
    const { changelog = EMPTY, provedChangelog, restoredUpTo } = this.situation;
    const bounds = this.#isProved ? (provedChangelog ?? changelog) : changelog;
    const end = restoredUpTo ?? bounds.end;
    const { folder, hasLostLastRow = false } = this.situation;
    const isThere = folder !== undefined && !hasLostLastRow && this.setAside.length === 0;
    const records = isThere ? [lastRow(folder, end)] : [];
    return {
      next: () => Promise.resolve({ records, nextOffset: end, endOffset: end, leaderEpoch: -1 }),
      close: () => undefined,
    };
  }

  #producer(): TransactionalProducer {
    const producer: TransactionalProducer = {
      ...UNUSED_PRODUCER,
      prove: () => {
        this.asked.push('prove');
        this.#isProved = true;
        return Promise.resolve(this.situation.proof ?? never());
      },
      discard: () => {
        this.asked.push('discard the producer');
        this.unreleased.delete(producer);
        return Promise.resolve();
      },
    };
    this.unreleased.add(producer);
    return producer;
  }

  #store(): KeyValueStore {
    this.asked.push('open the store');
    return {
      read: (keys) => {
        this.asked.push('read the store');
        return Promise.resolve(keys.map((key) => this.#rows.get(key.toString('hex')) ?? null));
      },
      scan: never,
      page: never,
      snapshot: never,
      write: (changes: readonly KeyChange[]) => {
        for (const { key, value } of changes)
          if (value === null) this.#rows.delete(key.toString('hex'));
          else this.#rows.set(key.toString('hex'), value);
        return Promise.resolve();
      },
      close: () => {
        this.asked.push('close the store');
        return Promise.resolve();
      },
    };
  }
}

/** The folder's position row as the last record of a changelog that ends at `end`, before its marker. */
function lastRow({ position }: Folder, end: number): LogRecord {
  const value = encoded({ topic: TOPICS.input, offset: position, countedUnder: 1 }, writePositionRow);
  return { offset: end - 2, timestamp: 0, key: POSITION_KEY, value, headers: [] };
}

/** The last record of the log, before its marker. */
function readerOfAnnouncement(announced: string | Error): LogReader {
  if (announced instanceof Error) return { next: () => Promise.reject(announced), close: () => undefined };
  const headers = [
    { key: 'ce_id', value: Buffer.from('id') },
    { key: 'ce_source', value: Buffer.from(announced) },
  ];
  const record = { offset: 7, timestamp: 0, key: Buffer.from('acme'), value: null, headers };
  return {
    next: () => Promise.resolve({ records: [record], nextOffset: 9, endOffset: 9, leaderEpoch: -1 }),
    close: () => undefined,
  };
}

async function begun(takingOver: TakeOver): Promise<TakeOver> {
  await turn();
  return takingOver;
}

async function takenOver(situation: Situation): Promise<TakeOver> {
  const takingOver = await begun(new TakeOver(situation));
  takingOver.fenced();
  await takingOver.outcome.catch(() => undefined);
  return takingOver;
}

test('only a mark is looked for before the former owner is fenced: offsets, the ends of the logs and the store come after it', async () => {
  const { asked, fenced, outcome } = await begun(new TakeOver());
  expect(asked).toEqual(['open the store', 'committed offset', 'fence app-input-3']);
  fenced();
  expect((await outcome).from).toBe(0);
  const looked = asked.slice(3).filter((what) => what !== 'bounds of changelog');
  expect(looked.slice(0, 2).sort()).toEqual(['bounds of input', 'committed offset']);
  expect(asked.at(-1)).toBe('read the store');
});

test('a take-over that fails releases producer and store', async () => {
  const failure = new BrokerError('the leader is gone');
  const { asked, outcome } = await takenOver({ input: failure });
  await expect(outcome).rejects.toBe(failure);
  expect(asked.slice(-2)).toEqual(['discard the producer', 'close the store']);
  expect(asked).not.toContain('read the store');
});

test('a partition that is taken away meanwhile is released before its store is looked at', async () => {
  const { asked, fenced, outcome, stopping } = await begun(new TakeOver());
  stopping.abort();
  fenced();
  await expect(outcome).rejects.toBe(stopping.signal.reason);
  expect(asked.slice(-2)).toEqual(['discard the producer', 'close the store']);
  expect(asked).not.toContain('read the store');
});

const AT_10: Folder = { changelogOffset: 20, position: 10 };
/** The folder is at the end of its changelog, and the input has five records more. */
const UP_TO_DATE: Situation = { folder: AT_10, changelog: logUpTo(20), input: logUpTo(15) };

test('if all answers agree, nothing is proved by a write', async () => {
  const { asked, outcome } = await takenOver({ ...UP_TO_DATE, committed: 10 });
  expect((await outcome).from).toBe(10);
  expect(asked).not.toContain('prove');
});

test('contradicting positions stop the partition once a write has proved them, and release producer and store', async () => {
  const { asked, outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(7) },
  });
  await expect(outcome).rejects.toThrow(InconsistentPositionError);
  expect(asked).toContain('prove');
  expect(asked.slice(-2)).toEqual(['close the store', 'discard the producer']);
});

test('an old offset of a coordinator that is cut off is not accepted, and no operator is asked to set it', async () => {
  const { outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  expect((await outcome).from).toBe(10);
});

test('a folder ahead of what a broker says of the changelog is kept if a write shows that the broker is behind', async () => {
  const { setAside, outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(12),
    input: logUpTo(15),
    committed: 10,
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  const owned = await outcome;
  expect(owned.from).toBe(10);
  expect(setAside).toEqual([]);
  expect(() => owned.tail.mustFollow(12)).toThrow(StaleViewError);
  owned.tail.mustFollow(22);
});

/** The changelog has lost the records that the folder has followed, and the group has lost its offset. */
const LOST: Situation = {
  folder: AT_10,
  changelog: EMPTY,
  input: logUpTo(15),
  committed: null,
  provedChangelog: logUpTo(2),
  proof: { changelogEnd: 0, committed: null },
};

test('a folder ahead of the changelog is set aside once a write has proved it', async () => {
  const { setAside } = await takenOver(LOST);
  expect(setAside).toEqual([expect.stringContaining('up to 20, but the changelog ends at 0')]);
});

describe('a partition without state and offset', () => {
  const WITHOUT: Situation = {
    input: logUpTo(15),
    provedChangelog: logUpTo(2),
    proof: { changelogEnd: 0, committed: null },
  };

  test('is stopped if a folder here shows that it had state, and the message has the command that consents', async () => {
    const { outcome } = await takenOver(LOST);
    await expect(outcome).rejects.toThrow(InconsistentPositionError);
    await expect(outcome).rejects.toThrow(
      /\(no state\).*has followed the changelog changelog\/3 up to offset 20, so.*had state.*--partition 3 --to log-start/,
    );
  });

  test("is read from the input's start once an operator has consented, by offset 0 or for all partitions", async () => {
    const input = logUpTo(15, { start: 4 });
    const byOffset = { ...LOST, input, committed: 0, proof: { changelogEnd: 0, committed: at(0) } };
    expect(await (await takenOver(byOffset)).outcome).toMatchObject({ from: 4, mustWriteOriginFirst: true });
    expect((await (await takenOver({ ...LOST, input, mayBeFirstStart: true })).outcome).from).toBe(4);
  });

  test('is not read because of an old offset 0 that looks like consent', async () => {
    const proof = { changelogEnd: 0, committed: at(9) };
    const { outcome } = await takenOver({ ...WITHOUT, committed: 0, proof });
    await expect(outcome).rejects.toThrow("(no state): the changelog has no state, the group's offset is 9");
  });

  test('is stopped if it has announced companies, once a write has proved that the state is gone', async () => {
    const { asked, outcome } = await takenOver({ ...WITHOUT, announced: `/app/${TOPICS.input}/3` });
    await expect(outcome).rejects.toThrow(`${TOPICS.synchronized}/3 has an announcement of it at offset 7`);
    expect(asked).toContain('prove');
  });

  test.each<[string, Situation]>([
    ['no folder shows a former state, and nothing was announced', {}],
    ['only another partition has announced companies', { announced: `/app/${TOPICS.input}/30` }],
    ['only another application has announced companies', { announced: `/other/${TOPICS.input}/3` }],
    ['its outbound partition cannot be read', { announced: unreadableBatch(0, 9) }],
  ])('begins without a question if %s', async (_, situation) => {
    const { asked, outcome } = await takenOver({ input: logUpTo(15), ...situation });
    expect((await outcome).from).toBe(0);
    expect(asked).not.toContain('prove');
  });

  test('begins without a question if only the folder of a deleted changelog shows a former state', async () => {
    const { outcome } = await takenOver({
      ...LOST,
      folder: { ...AT_10, log: { topicId: 'former', leaderEpoch: 0 } },
      changelog: logUpTo(0, { topicId: 'present' }),
      provedChangelog: logUpTo(2, { topicId: 'present' }),
    });
    expect((await outcome).from).toBe(0);
  });
});

test('an input that a broker says ends below the position is not blocked while too few brokers answer', async () => {
  const few = { byMost: false };
  const { outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(20),
    input: logUpTo(5, few),
    committed: 10,
    proof: { changelogEnd: 20, committed: at(10) },
    provedInput: logUpTo(5, few),
    provedChangelog: logUpTo(22),
  });
  await expect(outcome).rejects.toThrow(StaleViewError);
});

test('a leader of an epoch below the one that the folder has seen is not accepted', async () => {
  const log = { topicId: 'id', leaderEpoch: 6 };
  const { outcome, asked } = await takenOver({
    folder: { ...AT_10, log },
    input: logUpTo(15),
    committed: 10,
    changelog: logUpTo(20, { topicId: 'id', leaderEpoch: 5 }),
    provedChangelog: logUpTo(22, { topicId: 'id', leaderEpoch: 7 }),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  expect((await outcome).from).toBe(10);
  expect(asked).toContain('prove');
});

test('a folder that followed a changelog which was deleted and created again is set aside, whatever its offset', async () => {
  const log = { topicId: 'former', leaderEpoch: 6 };
  const now = logUpTo(500, { topicId: 'present', leaderEpoch: 0 });
  const { setAside } = await takenOver({
    folder: { ...AT_10, log },
    input: logUpTo(15),
    committed: 10,
    changelog: now,
    provedChangelog: { ...now, end: 502 },
    proof: { changelogEnd: 500, committed: at(10) },
  });
  expect(setAside).toEqual([expect.stringContaining('deleted and created again (id former, now present)')]);
});

const FROM_FORMER_INPUT = new Map([['input topic id', 'former']]);

test('an input that was deleted and created again is not read from the old position, however far it has grown', async () => {
  const { outcome } = await takenOver({
    folder: { ...AT_10, origin: FROM_FORMER_INPUT },
    changelog: logUpTo(20),
    committed: 10,
    input: logUpTo(500, { topicId: 'present' }),
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  await expect(outcome).rejects.toThrow(/input recreated.*positions set --partition 3 --to log-start/s);
});

test("an input that was created again is read from its start if the group's offset says so", async () => {
  const { outcome } = await takenOver({
    folder: { ...AT_10, origin: FROM_FORMER_INPUT },
    changelog: logUpTo(20),
    committed: 0,
    input: logUpTo(500, { topicId: 'present' }),
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(0) },
  });
  const { from, mustWriteOriginFirst, origin } = await outcome;
  expect({ from, mustWriteOriginFirst, id: origin.get('input topic id') }).toEqual({
    from: 0,
    mustWriteOriginFirst: true,
    id: 'present',
  });
});

test('an old offset at the start of the input, and an old end of it, do not count as the consent of an operator', async () => {
  const { outcome, reasons } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(20),
    input: logUpTo(5),
    committed: 0,
    proof: { changelogEnd: 20, committed: at(10) },
    provedInput: logUpTo(15),
    provedChangelog: logUpTo(22),
  });
  expect((await outcome).from).toBe(10);
  expect(reasons.join()).toMatch(/is 0, and the state has read the input up to offset 10\. .* There is nothing to do/);
});

test('the first offset of a partition is written before anything is read', async () => {
  const { outcome } = await takenOver({ input: logUpTo(15) });
  expect((await outcome).mustWriteOriginFirst).toBe(true);
});

test('the first offset is not taken from a broker that most others do not confirm', async () => {
  const input = logUpTo(900, { start: 500, byMost: false });
  await expect((await takenOver({ input })).outcome).rejects.toThrow(StaleViewError);
  // Once a position exists, a contradiction to it must be proved.
  const later = await takenOver({
    folder: AT_10,
    changelog: logUpTo(20),
    committed: 10,
    input: { ...input, start: 0 },
  });
  expect((await later.outcome).from).toBe(10);
});

test('a state that another setting has built is not used, unless an operator has consented', async () => {
  const origin = new Map([['EVENT_NAMESPACE', 'one']]);
  const situation: Situation = {
    folder: { ...AT_10, origin },
    changelog: logUpTo(20),
    input: logUpTo(15),
    committed: 10,
    decidingSettings: new Map([['EVENT_NAMESPACE', 'two']]),
    proof: { changelogEnd: 20, committed: at(10) },
    provedChangelog: logUpTo(22),
  };
  await expect((await takenOver(situation)).outcome).rejects.toThrow(SettingsChangedError);
  const consented = await (await takenOver({ ...situation, mayChangeSettings: true })).outcome;
  expect(consented.origin.get('EVENT_NAMESPACE')).toBe('two');
  expect(consented.mustWriteOriginFirst).toBe(true);
});

test('a reported end of the changelog below a record just written is not accepted', async () => {
  const { outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(12),
    input: logUpTo(15),
    committed: 10,
    provedChangelog: logUpTo(12),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  await expect(outcome).rejects.toThrow(StaleViewError);
});

test('a changelog that has lost its first records blocks the partition, and leaves no store open', async () => {
  const changelog = logUpTo(20, { start: 5 });
  const { asked, outcome } = await takenOver({
    folder: AT_10,
    changelog,
    input: logUpTo(15),
    committed: 10,
    provedChangelog: { ...changelog, end: 22 },
    proof: { changelogEnd: 20, committed: at(10) },
  });
  await expect(outcome).rejects.toThrow(
    /is blocked \(changelog incomplete\): .* starts at offset 5.*remove every STATE_DIR.*positions set --to log-start/,
  );
  const count = (wanted: string) => asked.filter((what) => what === wanted).length;
  expect(count('close the store')).toBe(count('open the store'));
});

test('the folder of a partition that stays blocked is not set aside as absent, although proofs are written', async () => {
  const { setAside, outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(7) },
    now: 1,
  });
  await expect(outcome).rejects.toThrow('offset differs');
  expect(setAside).toEqual([]);
});

test('a reported end of the changelog between a record just written and its marker is not accepted', async () => {
  const { outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(12),
    input: logUpTo(15),
    committed: 10,
    provedChangelog: logUpTo(21),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  await expect(outcome).rejects.toThrow(StaleViewError);
});

describe('another owner that writes while a partition is taken over', () => {
  // It has moved state and offset to 12, but the proved offset is still 10.
  const folder = { ...AT_10, position: 12 };

  test('after the proof never leads to a blocked partition: the proof is out of date by then', async () => {
    const { unreleased, setAside, outcome } = await takenOver({
      folder,
      changelog: logUpTo(20),
      input: logUpTo(15),
      committed: 7,
      provedChangelog: logUpTo(25),
      proof: { changelogEnd: 20, committed: at(10) },
    });
    await expect(outcome).rejects.toThrow(StaleViewError);
    await expect(outcome).rejects.toThrow('another owner has written to changelog/3 up to offset 25');
    expect([unreleased.size, setAside]).toEqual([0, []]);
  });

  test.each([true, false])(
    'during the restore does not lead to a blocked partition either, after a proof: %p',
    async (proved) => {
      const committed = proved ? 7 : 10;
      const { asked, outcome } = await takenOver({
        folder,
        changelog: logUpTo(proved ? 20 : 22),
        input: logUpTo(15),
        committed,
        provedChangelog: logUpTo(22),
        restoredUpTo: 25,
        proof: { changelogEnd: 20, committed: at(10) },
      });
      await expect(outcome).rejects.toThrow(StaleViewError);
      await expect(outcome).rejects.toThrow('up to offset 25');
      expect(asked.includes('prove')).toBe(proved);
      expect(asked.slice(-2)).toEqual(['close the store', 'discard the producer']);
    },
  );
});

test('the proving transaction is aborted by another fencing before anything is decided', async () => {
  const { asked, outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    provedChangelog: logUpTo(22),
    proof: { changelogEnd: 20, committed: at(10) },
  });
  await outcome;
  const proving = asked.slice(asked.indexOf('prove'));
  expect(proving.slice(0, 4)).toEqual(['prove', 'discard the producer', 'committed offset', 'fence app-input-3']);
});

test('a changelog whose leader too few brokers name is not accepted after a proof, and both producers are released', async () => {
  const { unreleased, outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    proof: { changelogEnd: 20, committed: at(7) },
    provedChangelog: logUpTo(22, { byMost: false }),
  });
  await expect(outcome).rejects.toThrow(StaleViewError);
  expect(unreleased.size).toBe(0);
});

test('an end of the changelog from too few brokers does not count for the note of the end', async () => {
  const situation = { ...UP_TO_DATE, committed: 10, now: 1_000 };
  const few = await takenOver({ ...situation, looked: logUpTo(20, { byMost: false }) });
  expect((await few.outcome).store.atEndMs).toBe(0);
  const most = await takenOver(situation);
  expect((await most.outcome).store.atEndMs).toBe(1_000);
});

test('if the offset differs from the position row, it is written before anything is read', async () => {
  const origin = new Map([['input topic id', 'id']]);
  const { outcome } = await takenOver({
    folder: { ...AT_10, origin },
    changelog: logUpTo(20),
    committed: 12,
    input: { ...logUpTo(15, { topicId: 'id' }), start: 12 },
    proof: { changelogEnd: 20, committed: at(12) },
    provedChangelog: logUpTo(22),
  });
  expect(await outcome).toMatchObject({ from: 12, mustWriteOriginFirst: true });
});

test('settings that a later release has written into the origin row stay', async () => {
  const origin = new Map([
    ['EVENT_NAMESPACE', 'one'],
    ['A_LATER_SETTING', 'x'],
  ]);
  const { outcome } = await takenOver({
    folder: { ...AT_10, origin },
    changelog: logUpTo(20),
    input: logUpTo(15),
    committed: 10,
    decidingSettings: new Map([['EVENT_NAMESPACE', 'one']]),
  });
  const owned = await outcome;
  expect(owned.origin.get('A_LATER_SETTING')).toBe('x');
  expect(owned.mustWriteOriginFirst).toBe(false);
});

const LOG_5 = { topicId: 'id', leaderEpoch: 5 };
const FOLLOWED: Situation = {
  folder: { ...AT_10, log: LOG_5, epoch: 5, origin: new Map([['input topic id', 'id']]) },
  changelog: logUpTo(40, { ...LOG_5, leaderEpoch: 6 }),
  input: logUpTo(15, LOG_5),
  committed: 10,
  committedIn: 5,
};

test('a changelog that has lost followed records and then grown past them is not accepted before a write proves it', async () => {
  const { setAside, asked } = await takenOver({
    ...FOLLOWED,
    endOfEpoch: 17,
    provedChangelog: logUpTo(42, { ...LOG_5, leaderEpoch: 6 }),
    proof: { changelogEnd: 40, committed: { offset: 10, leaderEpoch: 5 } },
  });
  expect(setAside).toEqual([
    'the folder has followed the leader of epoch 5 up to 20, and that epoch ends at 17 now: the changelog has lost records',
  ]);
  expect(asked.indexOf('prove')).toBeGreaterThan(0);
});

test('a changelog with a new leader that has all records is followed, without a proof', async () => {
  const { setAside, asked, outcome } = await takenOver({ ...FOLLOWED, endOfEpoch: 20 });
  expect((await outcome).from).toBe(10);
  expect(setAside).toEqual([]);
  expect(asked).not.toContain('prove');
});

test('an input that has lost consumed records and then grown past them blocks the partition once that is proved', async () => {
  const changelog = logUpTo(20, LOG_5);
  const input = logUpTo(15, { ...LOG_5, leaderEpoch: 6 });
  const { asked, outcome } = await takenOver({
    ...FOLLOWED,
    changelog,
    input,
    endOfEpoch: 8,
    provedChangelog: logUpTo(22, LOG_5),
    proof: { changelogEnd: 20, committed: { offset: 10, leaderEpoch: 5 } },
  });
  await expect(outcome).rejects.toThrow(
    /input lost records.*has lost the consumed records from offset 8 on.*--to state/,
  );
  expect(asked).toContain('prove');
});

test('an input whose leader does not know the committed epoch is still read', async () => {
  const input = logUpTo(15, { ...LOG_5, leaderEpoch: 3 });
  const { outcome } = await takenOver({ ...FOLLOWED, changelog: logUpTo(20, LOG_5), input, endOfEpoch: -1 });
  expect(await outcome).toMatchObject({ from: 10, inputLog: { topicId: 'id', leaderEpoch: 3 } });
});

test('no proof is written while too few brokers say whether a commit is open in the changelog', async () => {
  const { asked, outcome } = await takenOver({ ...UP_TO_DATE, committed: 7, later: logUpTo(20, { byMost: false }) });
  await expect(outcome).rejects.toThrow('too few brokers answer to know whether a transaction is open');
  expect(asked).not.toContain('prove');
});

test('no proof is written if a commit turns out to be open in the changelog', async () => {
  // The broker that was asked first is cut off, and does not show the transaction.
  const { asked, outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(18),
    input: logUpTo(15),
    committed: 10,
    later: { ...logUpTo(18), highWatermark: 20 },
  });
  await expect(outcome).rejects.toThrow('the last transaction is still open');
  expect(asked).not.toContain('prove');
});

describe('a batch of the input that cannot be read', () => {
  const skipping = {
    ...UP_TO_DATE,
    committed: 12,
    provedChangelog: logUpTo(22),
    unreadable: { firstOffset: 10, nextOffset: 12 },
  };

  test('is skipped once a write has proved that the offset is the one after it', async () => {
    const { asked, outcome } = await takenOver({ ...skipping, proof: { changelogEnd: 20, committed: at(12) } });
    expect(await outcome).toMatchObject({ from: 12, mustWriteOriginFirst: true });
    expect(asked).toContain('prove');
    const reads = asked.filter((what) => what.startsWith('read the input'));
    expect(new Set(reads)).toEqual(new Set(['read the input from 10']));
    expect(asked.filter((what) => what === 'close the reader')).toHaveLength(reads.length);
  });

  test('is not skipped because of an old offset that looks like consent', async () => {
    const { outcome } = await takenOver({ ...skipping, proof: { changelogEnd: 20, committed: at(10) } });
    expect((await outcome).from).toBe(10);
  });

  test.each([
    ['above its end', { input: logUpTo(15), committed: 16 }],
    ['above a position below its start', { input: logUpTo(15, { start: 11 }), committed: 12 }],
  ])('is not looked for if the offset is %s', async (_where, positions) => {
    const { asked, outcome } = await takenOver({
      folder: AT_10,
      changelog: logUpTo(20),
      provedChangelog: logUpTo(22),
      ...positions,
      proof: { changelogEnd: 20, committed: at(positions.committed) },
    });
    await expect(outcome).rejects.toThrow(InconsistentPositionError);
    expect(asked.filter((what) => what.startsWith('read the input'))).toEqual([]);
  });
});

test('a partition whose offset is pending with an unknown outcome is blocked with the command', async () => {
  const { asked, outcome } = await takenOver({
    ...UP_TO_DATE,
    committed: 7,
    provedChangelog: logUpTo(22),
    offsetIsPending: true,
    proof: { changelogEnd: 20, committed: at(7) },
  });
  await expect(outcome).rejects.toThrow(/offset differs.*--to state/);
  expect(asked).toContain('prove');
});

test('no store is examined while too few brokers say whether a commit is open: the next write would decide its outcome', async () => {
  const { asked, outcome } = await takenOver({
    folder: AT_10,
    changelog: logUpTo(20, { byMost: false }),
    input: logUpTo(15),
    committed: 10,
  });
  await expect(outcome).rejects.toThrow(StaleViewError);
  expect(asked).not.toContain('read the store');
});
