/** What a store records about the origin of its state: the origin row, and the changelog that it has followed. */
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { FOLLOWED_LOG_KEY, decodeFollowedLog, type FollowedLog } from '../../../src/store/partition-meta.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { decodeOriginRow, isSameOrigin, writeOriginRow, type OriginRow } from '../../../src/store/row-codec.js';
import { ORIGIN_KEY } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRecord, positionRow } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const directory = () => new RocksStateDirectory(folder(), { now: () => 0 });
const ONE: OriginRow = new Map([['EVENT_NAMESPACE', 'one']]);
const TWO: OriginRow = new Map([['EVENT_NAMESPACE', 'two']]);

function record(origin: OriginRow) {
  const to = new ByteWriter();
  to.begin();
  writeOriginRow(to, origin);
  return { offset: 0, key: ORIGIN_KEY, value: to.end() };
}

/** Applies a batch that changes only position and origin, and does not confirm it. */
async function apply(store: PartitionStore, offset: number, now: OriginRow): Promise<string[]> {
  const position = positionRow(offset);
  const encoded = encodeChanges([], position, store.position(), 0, { prior: store.origin(), now });
  const keys = encoded.changes.map(({ key }) => (key.equals(ORIGIN_KEY) ? 'origin' : 'position'));
  await store.apply(encoded, position, 0);
  return keys;
}

async function reopened(): Promise<OriginRow | null> {
  const store = await open(directory());
  await store.close();
  return store.origin();
}

test('an origin row is written only with the batch that changes it', async () => {
  const store = await open(directory());
  expect(await apply(store, 1, ONE)).toEqual(['origin', 'position']);
  store.confirm(3);
  expect(store.origin()).toEqual(ONE);
  expect(await apply(store, 2, new Map(ONE))).toEqual(['position']);
  store.confirm(5);
  expect(await apply(store, 3, TWO)).toEqual(['origin', 'position']);
  store.confirm(7);
  await store.flush();
  await store.close();
  expect(await reopened()).toEqual(TWO);
});

test('an origin row of a batch that a crash left undecided is undone with it', async () => {
  const store = await open(directory());
  await apply(store, 1, ONE);
  store.confirm(3);
  await apply(store, 2, TWO);
  await store.close();
  expect(await reopened()).toEqual(ONE);
});

test('the undo removes the first origin row of a partition', async () => {
  const store = await open(directory());
  await apply(store, 1, ONE);
  await store.close();
  expect(await reopened()).toBeNull();
});

test('a replay restores the last origin row; a replay without an origin row does not change the known one', async () => {
  const store = await open(directory());
  await store.replay([record(ONE), positionRecord(1), record(TWO), positionRecord(2)], 6);
  expect(store.origin()).toEqual(TWO);
  await store.replay([positionRecord(3)], 8);
  expect(store.origin()).toEqual(TWO);
  await store.close();
  expect(await reopened()).toEqual(TWO);
});

test('origins are equal only if all their values are', () => {
  expect(isSameOrigin(ONE, new Map(ONE))).toBe(true);
  expect(isSameOrigin(ONE, TWO)).toBe(false);
  expect(isSameOrigin(ONE, null)).toBe(false);
  expect(isSameOrigin(ONE, new Map([...ONE, ['MORE', 'x']]))).toBe(false);
  expect(decodeOriginRow(record(TWO).value)).toEqual(TWO);
});

describe('the changelog that a store has followed', () => {
  const log = (leaderEpoch: number, topicId = 'id') => ({ topicId, leaderEpoch });

  async function followedAfter(changelogLog: FollowedLog, proved = false): Promise<FollowedLog> {
    const store = await open(directory(), { changelogLog, proved });
    const [bytes] = await store.read([FOLLOWED_LOG_KEY]);
    await store.close();
    return decodeFollowedLog(bytes as Buffer);
  }

  test('is noted at the beginning, and whenever its leader has another epoch', async () => {
    expect(await followedAfter(log(5))).toEqual(log(5));
    expect(await followedAfter(log(6))).toEqual(log(6));
    await expect(open(directory(), { changelogLog: log(5), proved: false })).rejects.toThrow(/a leader of epoch 6/);
  });

  test('may have a lower epoch once a write has proved it, for example in a cluster restored from a copy', async () => {
    expect(await followedAfter(log(6))).toEqual(log(6));
    expect(await followedAfter(log(2), true)).toEqual(log(2));
  });

  test('is noted for a folder of a release without the note', async () => {
    const store = await open(directory(), { changelogLog: log(5) });
    await store.close();
    const raw = await directory().open(3);
    await raw.write([{ key: FOLLOWED_LOG_KEY, value: null }]);
    await raw.close();
    expect(await followedAfter(log(5))).toEqual(log(5));
  });
});
