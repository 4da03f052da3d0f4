import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UnprovedChangelogError } from '../../../src/store/examine-store.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { CorruptStoreError, StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { encodeChangelogPosition } from '../../../src/store/partition-meta.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { UnknownRowVersionError } from '../../../src/store/row-version.js';
import { changes, identity, open, PARTITION, positionRecord, positionRow, rowsOf } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

const folder = temporaryFolder();
const directory = () => new RocksStateDirectory(folder(), { now: () => 0 });
const partitionFolder = () => join(folder(), `partition-${PARTITION}`);
const NAME = `partition-${PARTITION}`;

/** A store with one row that has followed the changelog up to 50, last at its end at `atEndMs`. */
async function leaveStore(atEndMs = 0): Promise<void> {
  const store = await open(directory(), { now: 0 });
  await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(5)], 50);
  store.noteAtEnd(atEndMs);
  await store.flush();
  await store.close();
}

async function overwrite(key: string, value: Buffer | null): Promise<void> {
  const store = await RocksDbStore.open(partitionFolder());
  await store.write([{ key: Buffer.from(key), value }]);
  await store.close();
}

type Options = Parameters<typeof open>[1];

async function opened(options: Options = {}): Promise<{ rows: string; position: number; setAside: string[] }> {
  const setAside: string[] = [];
  const store = await open(directory(), { ...options, onSetAside: (why) => setAside.push(why) });
  const seen = { rows: await rowsOf(store), position: store.changelogPosition, setAside };
  await store.close();
  return seen;
}

const kept = { rows: 'a=1', position: 50, setAside: [] };

test('a store that can be trusted is used', async () => {
  await leaveStore();
  expect(await opened()).toEqual(kept);
});

test.each<[string, Options, RegExp]>([
  ['of another cluster', { identity: { ...identity, clusterId: 'other' } }, /clusterId c, not other/],
  ['of another application', { identity: { ...identity, applicationId: 'other' } }, /applicationId/],
  ['of another topic', { identity: { ...identity, topic: 'other' } }, /topic/],
  ['of another partition', { identity: { ...identity, partition: 4 } }, /partition/],
  [
    'beyond the end that the changelog had before a proof, whose record and marker reach its position',
    { changelogEnd: 50, endBeforeProof: 48 },
    /up to 50, but the changelog ends at 48/,
  ],
  ['beyond the end of the changelog', { changelogEnd: 49 }, /up to 50, but the changelog ends at 49/],
  ['away for too long', { now: HOUR_MS + 1 }, /last at the changelog's end at 1970-01-01T00:00:00.000Z/],
])('a store %s is set aside, and an empty one begun', async (_, options, why) => {
  await leaveStore();
  const { rows, position, setAside } = await opened(options);
  expect({ rows, position }).toEqual({ rows: '', position: 0 });
  expect(setAside).toEqual([expect.stringMatching(why)]);
  expect(readdirSync(folder()).filter((name) => name.startsWith(`${NAME}.set-aside-`))).toHaveLength(2);
});

test.each<[string, Options]>([
  ['at the very end of the changelog', { changelogEnd: 50 }],
  ['away for just as long as may be', { now: HOUR_MS }],
  ['away for long, with nothing written since', { now: 100 * HOUR_MS, changelogEnd: 50 }],
  ['away for long, with nothing but a commit marker since', { now: 100 * HOUR_MS, changelogEnd: 51 }],
])('a store %s is kept', async (_, options) => {
  await leaveStore();
  expect(await opened(options)).toEqual(kept);
});

test('a store whose note is more than an hour ahead of the clock is set aside, because one of the two is wrong', async () => {
  await leaveStore(HOUR_MS + 1);
  const { position, setAside } = await opened();
  expect(position).toBe(0);
  expect(setAside).toEqual([
    expect.stringMatching(/at 1970-01-01T01:00:00.001Z, but it is 1970-01-01T00:00:00.000Z now: .* wrong clock/),
  ]);
});

test.each<[string, number, Options]>([
  ['an hour ahead of the clock', HOUR_MS, {}],
  ['weeks ahead of the clock, with nothing written since,', 1_000 * HOUR_MS, { changelogEnd: 50 }],
])('a store whose note is %s is kept', async (_, atEndMs, options) => {
  await leaveStore(atEndMs);
  expect(await opened(options)).toEqual(kept);
});

test('a replay does not hide that a store was away', async () => {
  await leaveStore();
  const store = await open(directory(), { now: HOUR_MS });
  await store.replay([], 60);
  await store.close();
  expect((await opened({ now: HOUR_MS + 1 })).setAside).toHaveLength(1);
});

test('a confirmed batch counts as having been at the end when it was applied', async () => {
  await leaveStore();
  const store = await open(directory(), { now: HOUR_MS });
  await store.apply(changes('a:1->2', 10, 5), positionRow(10), HOUR_MS);
  store.confirm(60);
  await store.flush();
  await store.close();
  expect(await opened({ now: 2 * HOUR_MS })).toEqual({ rows: 'a=2', position: 60, setAside: [] });
  expect((await opened({ now: 2 * HOUR_MS + 1 })).setAside).toHaveLength(1);
});

test('a corrupt folder is set aside', async () => {
  await leaveStore();
  writeFileSync(join(partitionFolder(), 'CURRENT'), 'nonsense');
  expect(await opened()).toEqual({ rows: '', position: 0, setAside: [expect.stringContaining('CURRENT')] });
});

test('a folder without an identity, or with an invalid one, is set aside', async () => {
  await leaveStore();
  await overwrite('Midentity', null);
  expect((await opened()).setAside).toEqual([expect.stringContaining('to which deployment')]);
  await overwrite('Mposition', Buffer.of(1));
  expect((await opened()).setAside).toEqual([expect.stringContaining('cut short')]);
  await overwrite('Mposition', null);
  expect((await opened()).setAside).toEqual([
    expect.stringContaining('up to which offset it has followed the changelog'),
  ]);
});

test.each(['Midentity', 'Mposition', 'Mundo'])(
  '%s of a later release is refused, and nothing is changed',
  async (key) => {
    await leaveStore();
    await overwrite(key, Buffer.of(2, 0, 0));
    await expect(open(directory())).rejects.toThrow(UnknownRowVersionError);
    await expect(open(directory())).rejects.toThrow(/version 2 .* newer/);
    expect(readdirSync(folder())).toEqual([NAME]);
  },
);

test('a store that is open elsewhere is waited for, not set aside', async () => {
  const holder = await RocksDbStore.open(partitionFolder());
  await expect(open(directory())).rejects.toThrow(StoreUnavailableError);
  await holder.close();
  expect(readdirSync(folder())).toEqual([NAME]);
  expect((await opened()).setAside).toEqual([]);
});

describe('with another user waiting for the folder', () => {
  /** The names of the folders that were set aside; the reasons are next to them. */
  const setAside = () => readdirSync(folder()).filter((name) => /aside-\w+$/.test(name));
  const ignored = () => undefined;

  test('a store that turned out to be corrupt is not handed to the next user', async () => {
    await leaveStore();
    const shared = new ExclusiveStateDirectory(directory());
    const owner = await open(shared, { onSetAside: ignored });
    const next = open(shared, { onSetAside: ignored });
    owner.distrust(new CorruptStoreError('a row makes no sense'));
    await owner.close();
    const store = await next;
    expect({ rows: await rowsOf(store), position: store.changelogPosition }).toEqual({ rows: '', position: 0 });
    await store.close();
    expect(setAside()).toHaveLength(1);
  });

  test.each([
    ['cannot be opened', () => writeFile(join(partitionFolder(), 'CURRENT'), 'nonsense')],
    ['does not say whose it is', () => overwrite('Midentity', null)],
    ['cannot be decoded', () => overwrite('Mposition', Buffer.of(1))],
  ])('a folder that %s is set aside once, and its successor never', async (_, spoil) => {
    await leaveStore();
    await spoil();
    const shared = new ExclusiveStateDirectory(directory());
    const reasons: string[] = [];
    const onSetAside = (why: string) => reasons.push(why);
    const users = [open(shared, { onSetAside }), open(shared, { onSetAside })];
    const follows = async (store: Awaited<ReturnType<typeof open>>) => {
      await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('2') }, positionRecord(5)], 60);
      await store.close();
    };
    await Promise.all(users.map(async (user) => follows(await user)));
    expect(reasons).toHaveLength(1);
    expect(setAside()).toHaveLength(1);
    expect(await opened()).toEqual({ rows: 'a=2', position: 60, setAside: [] });
  });
});

describe('a store that has followed the leader of epoch 5 up to 50', () => {
  const log = (leaderEpoch: number) => ({ topicId: 'id', leaderEpoch });
  const endsAt = (end: number | null) => ({ endOfEpoch: () => Promise.resolve(end) });

  async function followed(): Promise<void> {
    const store = await open(directory(), { changelogLog: log(4) });
    await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(5)], 50, 5);
    await store.close();
  }

  test.each([49, -1])(
    'is set aside if a later leader has that epoch end at %i, however far the log has grown',
    async (end) => {
      await followed();
      const { rows, setAside } = await opened({ changelogLog: log(6), ...endsAt(end) });
      expect({ rows, setAside }).toEqual({
        rows: '',
        setAside: [expect.stringContaining('the changelog has lost records')],
      });
      // The one that was begun follows the leader of epoch 6.
      expect(
        (await opened({ changelogLog: log(6), endOfEpoch: () => Promise.reject(new Error('nobody asks')) })).setAside,
      ).toEqual([]);
    },
  );

  test('is not set aside because of an unproved answer', async () => {
    await followed();
    const opening = open(directory(), { changelogLog: log(6), ...endsAt(49), proved: false });
    await expect(opening).rejects.toThrow(UnprovedChangelogError);
    expect(readdirSync(folder())).toEqual([NAME]);
  });

  test.each<[string, number | null]>([
    ['has all of it', 50],
    ['does not tell', null],
  ])('is kept if a later leader %s', async (_, end) => {
    await followed();
    expect(await opened({ changelogLog: log(6), ...endsAt(end) })).toEqual(kept);
  });

  test('is kept if the leader is in the same epoch: it is not asked then', async () => {
    await followed();
    const endOfEpoch = () => Promise.reject(new Error('nobody asks'));
    expect(await opened({ changelogLog: log(5), endOfEpoch })).toEqual(kept);
  });

  test('knows what it has followed itself, although a release without that note has moved its position', async () => {
    await followed();
    await overwrite('Mposition', encodeChangelogPosition({ offset: 90, atEndMs: 0 }));
    const { setAside, position } = await opened({ changelogLog: log(6), ...endsAt(50) });
    expect({ setAside, position }).toEqual({ setAside: [], position: 90 });
  });

  test('notes the epoch of its own writes from the last answer, and asks again after each of them', async () => {
    await followed();
    const store = await open(directory(), { changelogLog: log(5) });
    expect(store.epochIsKnown).toBe(true);
    await store.apply(changes('a:1->2', 10, 5), positionRow(10), 0);
    store.confirm(60);
    expect(store.epochIsKnown).toBe(false);
    await store.flush();
    store.noteAtEnd(0, 6);
    expect(store.epochIsKnown).toBe(true);
    await store.flush();
    await store.close();
    expect((await opened({ changelogLog: log(6) })).setAside).toEqual([]);
    expect((await opened({ changelogLog: log(7), ...endsAt(59) })).setAside).toEqual([
      expect.stringContaining('epoch 6 up to 60'),
    ]);
  });
});

describe('a folder that was set aside with rows of the present changelog', () => {
  const formerOffset = async (options: Options) => {
    const store = await open(directory(), { onSetAside: () => undefined, ...options });
    const offset = store.former.changelogOffset;
    await store.close();
    return offset;
  };

  test('is remembered by the new folder, also if that is set aside too', async () => {
    await leaveStore();
    expect(await formerOffset({ changelogEnd: 50 })).toBe(0);
    expect(await formerOffset({ changelogEnd: 9 })).toBe(50);
    expect(await formerOffset({ changelogEnd: 9 })).toBe(50);
    const store = await open(directory(), { changelogEnd: 9 });
    await store.replay([], 9);
    await store.close();
    expect(await formerOffset({ changelogEnd: 0 })).toBe(50);
  });

  test.each<[string, Options]>([
    ['of another partition', { identity: { ...identity, partition: 4 } }],
    ['of another changelog', { changelogLog: { topicId: 'present', leaderEpoch: 0 } }],
  ])('is not remembered if it is %s', async (_, options) => {
    const store = await open(directory(), { now: 0, changelogLog: { topicId: 'former', leaderEpoch: 0 } });
    await store.replay([positionRecord(5)], 50);
    await store.close();
    expect(await formerOffset(options)).toBe(0);
  });

  test('is not remembered if it has followed only markers: then it had no state', async () => {
    const store = await open(directory(), { now: 0 });
    await store.replay([], 50);
    await store.close();
    expect(await formerOffset({ changelogEnd: 0 })).toBe(0);
  });

  test('is remembered if its restore had not come to the position row yet', async () => {
    const store = await open(directory(), { now: 0 });
    await store.replay([{ offset: 0, key: Buffer.from('Ca'), value: Buffer.from('1') }], 50);
    await store.close();
    expect(await formerOffset({ changelogEnd: 0 })).toBe(50);
  });
});

describe('what a folder that was set aside passes on', () => {
  const log = { topicId: 'one', leaderEpoch: 1 };

  /** A folder that had followed the log up to 50 was set aside, and the folder after it was lost. */
  async function leaveSetAside(): Promise<void> {
    const store = await open(directory(), { changelogLog: log });
    await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(5)], 50);
    await store.close();
    const next = await open(directory(), { changelogLog: log, changelogEnd: 10, onSetAside: () => undefined });
    await next.close();
    rmSync(partitionFolder(), { recursive: true });
  }

  async function passedOn(options: Options): Promise<[number, number | null]> {
    const store = await open(directory(), { changelogLog: log, ...options });
    await store.close();
    return [store.former.changelogOffset, store.former.rows?.position.offset ?? null];
  }

  test('is taken over by the next folder, which does not look again', async () => {
    await leaveSetAside();
    expect(await passedOn({})).toEqual([50, 5]);
    for (const name of readdirSync(folder())) if (name !== NAME) rmSync(join(folder(), name), { recursive: true });
    expect(await passedOn({})).toEqual([50, 5]);
  });

  test.each<[string, Options]>([
    ['in another changelog', { changelogLog: { topicId: 'two', leaderEpoch: 1 } }],
    ['in another deployment', { identity: { ...identity, clusterId: 'other' } }],
  ])('does not count %s', async (_, options) => {
    await leaveSetAside();
    expect(await passedOn(options)).toEqual([0, null]);
  });

  test('does not count once another owner has continued the partition', async () => {
    await leaveSetAside(); // The changelog ended at 10 then.
    const store = await open(directory(), { changelogLog: log });
    await store.replay([positionRecord(3, 9)], 12);
    expect(store.former.rows?.position.offset).toBe(5);
    await store.replay([positionRecord(3, 12)], 14);
    expect(store.former.rows).toBeNull();
    await store.close();
    expect(await passedOn({})).toEqual([50, null]);
  });

  test.each<[string, number, number | null]>([
    ['', 60, 7],
    [', but not a batch that may not have been committed', 50, 5],
  ])('is also in a store that was found to be wrong while it was in use%s', async (_, offset, position) => {
    const store = await open(directory(), { changelogLog: log, onSetAside: () => undefined });
    await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(5)], 50);
    await store.apply(changes('a:1->2', 7, 5), positionRow(7), 0);
    if (position === 7) {
      store.confirm(offset);
      await store.flush();
    }
    store.distrust(new CorruptStoreError('a row makes no sense'));
    await store.close();
    expect(await passedOn({})).toEqual([offset, position]);
  });

  test('is nothing if a file has the name of such a folder', async () => {
    writeFileSync(join(folder(), `${NAME}.set-aside-20300101T000000Z`), '');
    expect(await passedOn({})).toEqual([0, null]);
  });

  test('is nothing if it cannot be read', async () => {
    await leaveSetAside();
    const [setAside = ''] = readdirSync(folder()).filter((name) => !name.endsWith('.txt'));
    writeFileSync(join(folder(), setAside, 'CURRENT'), 'nonsense');
    expect(await passedOn({})).toEqual([0, null]);
  });
});

test('the folder that was set aside last has the last name, also if the clock was set back', async () => {
  let now = HOUR_MS;
  const state = new RocksStateDirectory(folder(), { now: () => now });
  const key = Buffer.from('nth');
  const names: string[][] = [];
  for (const [nth, at] of [HOUR_MS, 0, 0, 2 * HOUR_MS, HOUR_MS].entries()) {
    now = at;
    const store = await state.open(PARTITION);
    await store.write([{ key, value: Buffer.of(nth) }]);
    await state.setAside(PARTITION, 'a test', store);
    expect(await state.readSetAside(PARTITION, (last) => last.read([key]))).toEqual([Buffer.of(nth)]);
    names.push(readdirSync(folder()));
  }
  expect(new Set(names.at(-1)).size).toBe(10);
});
