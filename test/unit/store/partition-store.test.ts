import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyChange, KeyValueStore, StateDirectory } from '../../../src/store/key-value-store.js';
import { CorruptStoreError, StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { CHANGELOG_POSITION_KEY, encodeChangelogPosition } from '../../../src/store/partition-meta.js';
import { writeOriginRow } from '../../../src/store/origin-row-codec.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { ORIGIN_KEY } from '../../../src/store/row-keys.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { changes, open, PARTITION, positionRecord, positionRow, rowsOf } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const live = () => join(folder(), 'live');
const directory = () => new RocksStateDirectory(live(), { now: () => 0 });
const record = (key: string, value: string | null) => ({
  offset: 0,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});

/** The store as a crash at this moment would leave it: its folder copied while it is open. */
function crashed(): RocksStateDirectory {
  const copy = join(folder(), 'crashed');
  cpSync(live(), copy, { recursive: true });
  return new RocksStateDirectory(copy, { now: () => 0 });
}

test('a fresh store has nothing and starts at the beginning of the changelog', async () => {
  const store = await open(directory());
  expect(store.changelogPosition).toBe(0);
  expect(store.position()).toBeNull();
  expect(await rowsOf(store)).toBe('');
  expect(store.isFlushed).toBe(true);
  await store.close();
});

test('replayed rows are complete values, tombstones remove rows, and the position is written with them', async () => {
  const store = await open(directory());
  await store.replay([record('a', '1'), record('b', '1'), positionRecord(5)], 4);
  await store.replay([record('a', '2'), record('b', null), record('never', null), positionRecord(9)], 9);
  expect(store.changelogPosition).toBe(9);
  expect(store.position()).toEqual(positionRow(9));

  const after = await open(crashed());
  expect(await rowsOf(after)).toBe('a=2');
  expect(after.changelogPosition).toBe(9);
  expect(after.position()).toEqual(positionRow(9));
  await Promise.all([store.close(), after.close()]);
});

test('a replay of many rows, in several writes, ends as one', async () => {
  const writes: number[] = [];
  const store = await open(counting(directory(), writes));
  writes.length = 0;
  const records = Array.from({ length: 10_001 }, (_, i) => record(`r${i % 7_000}`, `${i}`));
  await store.replay(records, 12_000);
  // The position goes with the last.
  expect(writes).toEqual([2_000, 2_000, 2_000, 2_000, 2_000, 3]);
  expect(store.changelogPosition).toBe(12_000);
  expect(store.position()).toBeNull();
  const [first, last] = await store.read([Buffer.from('r0'), Buffer.from('r3000')]);
  expect(first?.toString()).toBe('7000');
  expect(last?.toString()).toBe('10000');
  await store.close();
});

test('a replay without records moves the position', async () => {
  const store = await open(directory());
  await store.replay([record('a', '1'), positionRecord(5)], 4);
  await store.replay([], 7);
  const after = await open(crashed());
  expect(after.changelogPosition).toBe(7);
  expect(after.position()).toEqual(positionRow(5));
  await Promise.all([store.close(), after.close()]);
});

test('an applied batch is visible at once, and a crash takes it back to every prior', async () => {
  const store = await open(directory());
  await store.replay([record('a', '1'), record('b', '1'), record('x', '1'), positionRecord(5)], 4);
  await store.apply(changes('a:1->2 b:1-> n:->1', 10, 5), positionRow(10), 0);
  expect(await rowsOf(store)).toBe('a=2 n=1 x=1');
  expect(store.position()).toEqual(positionRow(10));
  expect(store.changelogPosition).toBe(4);

  const after = await open(crashed());
  expect(await rowsOf(after)).toBe('a=1 b=1 x=1');
  expect(after.position()).toEqual(positionRow(5));
  expect(after.changelogPosition).toBe(4);
  await Promise.all([store.close(), after.close()]);
});

test('an undo is applied once: opening again changes nothing', async () => {
  const store = await open(directory());
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  await store.close();
  const undone = await open(directory());
  await undone.replay([record('a', '1'), positionRecord(10)], 3);
  await undone.close();
  const again = await open(directory());
  expect(await rowsOf(again)).toBe('a=1');
  await again.close();
});

test('a confirmed position goes to disk with the next batch, whose undo is then the only one', async () => {
  const store = await open(directory());
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  store.confirm(3);
  expect(store.changelogPosition).toBe(3);
  await store.apply(changes('a:1->2 b:->2', 20, 10), positionRow(20), 0);

  const after = await open(crashed());
  expect(await rowsOf(after)).toBe('a=1');
  expect(after.changelogPosition).toBe(3);
  expect(after.position()).toEqual(positionRow(10));
  await Promise.all([store.close(), after.close()]);
});

test('a flush writes the confirmed position and drops the undo', async () => {
  const store = await open(directory());
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  store.confirm(3);
  expect(store.isFlushed).toBe(false);
  await store.flush();
  expect(store.isFlushed).toBe(true);

  const after = await open(crashed());
  expect(await rowsOf(after)).toBe('a=1');
  expect(after.changelogPosition).toBe(3);
  await Promise.all([store.close(), after.close()]);
});

test('a flush with nothing to do writes nothing', async () => {
  const writes: number[] = [];
  const store = await open(counting(directory(), writes));
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  store.confirm(3);
  await store.flush();
  const before = writes.length;
  await store.flush();
  expect(writes).toHaveLength(before);
  await store.close();
});

test('one batch is one write', async () => {
  const writes: number[] = [];
  const store = await open(counting(directory(), writes));
  writes.length = 0;
  await store.apply(changes('a:->1 b:->1', 10, null), positionRow(10), 0);
  store.confirm(3);
  await store.apply(changes('a:1->2', 20, 10), positionRow(20), 0);
  // Rows, the position row and the undo; from the second on, in the place of a row, the changelog's position and that an own
  // batch ends there.
  expect(writes).toEqual([4, 5]);
  await store.close();
});

test('no write is allowed while the transaction of a batch is open', async () => {
  const store = await open(directory());
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  await expect(store.apply(changes('a:1->2', 20, 10), positionRow(20), 0)).rejects.toThrow('confirmed');
  await expect(store.replay([], 9)).rejects.toThrow('confirmed');
  await expect(store.flush()).rejects.toThrow('confirmed');
  await store.close();
});

test('only an applied batch can be confirmed, and the position never goes back', async () => {
  const store = await open(directory());
  expect(() => store.confirm(5)).toThrow('applied');
  await store.replay([], 7);
  await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
  expect(() => store.confirm(6)).toThrow('back');
  await store.close();
});

test('after a failed write nothing more is written: its effect is unknown', async () => {
  const failing = failingWrites(directory());
  const store = await open(failing.directory);
  failing.error = new StoreUnavailableError('disk full');
  await expect(store.replay([record('a', '1')], 1)).rejects.toThrow('disk full');
  failing.error = null;
  await expect(store.replay([record('a', '1')], 1)).rejects.toThrow('must be opened again');
  await store.close();
  expect(readdirSync(live())).toEqual([`partition-${PARTITION}`]);
});

test('a confirmed batch stays when the store is closed, so that the folder shows it if brokers lose it', async () => {
  const store = await open(directory());
  await store.apply(changes('a:->1', 5, null), positionRow(5), 0);
  store.confirm(3);
  await store.close();
  const next = await open(directory());
  expect(await rowsOf(next)).toBe('a=1');
  expect(next.position()?.offset).toBe(5);
  await next.close();
});

test('a store found to be corrupt while in use is set aside when it is closed', async () => {
  const reasons: string[] = [];
  const failing = failingWrites(directory());
  const store = await open(failing.directory, { onSetAside: (why) => reasons.push(why) });
  failing.error = new CorruptStoreError('checksum');
  await expect(store.replay([], 9)).rejects.toThrow('checksum');
  await store.close();
  expect(reasons).toEqual(['checksum']);
  expect(readdirSync(live())).not.toContain(`partition-${PARTITION}`);
});

test('a changelog record without a key is refused', async () => {
  const store = await open(directory());
  await expect(store.replay([{ offset: 0, key: null, value: Buffer.from('x') }], 1)).rejects.toThrow('without a key');
  await store.close();
});

function counting(real: StateDirectory, writes: number[]): StateDirectory {
  return withWrite(real, (store, ops) => {
    writes.push(ops.length);
    return store.write(ops);
  });
}

function failingWrites(real: StateDirectory): { directory: StateDirectory; error: Error | null } {
  const failing = { directory: real, error: null as Error | null };
  failing.directory = withWrite(real, (store, ops) =>
    failing.error === null ? store.write(ops) : Promise.reject(failing.error),
  );
  return failing;
}

function withWrite(
  real: StateDirectory,
  write: (store: KeyValueStore, ops: readonly KeyChange[]) => Promise<void>,
): StateDirectory {
  return {
    setAside: async (partition, why, store) => {
      await store?.close();
      await real.setAside(partition, why);
    },
    readSetAside: (partition, read) => real.readSetAside(partition, read),
    open: async (partition) => {
      const store = await real.open(partition);
      return {
        read: (keys) => store.read(keys),
        scan: (prefix) => store.scan(prefix),
        page: (...asked) => store.page(...asked),
        snapshot: () => store.snapshot(),
        close: () => store.close(),
        write: (ops) => write(store, ops),
      };
    },
  };
}

describe('after an own batch', () => {
  /** A folder whose position, 13, is after a batch of its own. */
  async function reopened(): Promise<PartitionStore> {
    let store = await open(directory());
    await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(10)], 10);
    await store.apply(changes('a:1->2', 20, 10), positionRow(20), 0);
    store.confirm(13);
    await store.flush();
    await store.close();
    store = await open(directory());
    expect(store).toMatchObject({ changelogPosition: 13, readFrom: 11, ownBatchMayEndEarlier: false });
    return store;
  }

  test('the changelog is read from its position row on, which proves that it is committed', async () => {
    let store = await reopened();
    await store.replay([positionRecord(20, 12)], 14);
    expect(store).toMatchObject({ changelogPosition: 14, readFrom: 14, lacksOwnBatch: false });
    await store.close();
    store = await open(directory());
    expect(store).toMatchObject({ readFrom: 14, lacksOwnBatch: false });
    await store.close();
  });

  test('a read that ends within the batch proves nothing yet, and does not move the position back', async () => {
    const store = await reopened();
    await store.replay([{ offset: 11, key: Buffer.from('a'), value: Buffer.from('2') }], 12, 4);
    expect(store).toMatchObject({ changelogPosition: 13, readFrom: 11, lacksOwnBatch: true });
    expect(store.followedEpoch.leaderEpoch).toBe(-1);
    await store.replay([positionRecord(20, 12)], 14, 4);
    expect(store).toMatchObject({ changelogPosition: 14, lacksOwnBatch: false });
    expect(store.followedEpoch).toEqual({ leaderEpoch: 4, offset: 14 });
    await store.close();
  });

  test('until its position row is read, the batch is missing, also over a restart', async () => {
    let store = await reopened();
    await store.replay([], 15);
    await store.flush();
    await store.close();
    store = await open(directory());
    expect(store).toMatchObject({ changelogPosition: 15, readFrom: 13, lacksOwnBatch: true });
    await store.close();
  });

  test.each([
    ['its position row', [positionRecord(20, 12), positionRecord(30, 15)], false],
    ['a row of the batch', [{ ...positionRecord(20, 11), key: Buffer.from('a') }], false],
    ['another position row at its place', [positionRecord(30, 12), positionRecord(30, 15)], true],
    ['a later row', [{ ...positionRecord(20, 13), key: Buffer.from('a') }], true],
    ['an equal position row later', [positionRecord(20, 15)], true],
  ])('whether the batch is lost, if the first record read is %s', async (_, records, isPast) => {
    const store = await reopened();
    expect(store.isPastOwnBatch(records)).toBe(isPast);
    await store.close();
  });

  test('the origin row is known as soon as it is read', async () => {
    const store = await reopened();
    const origin = new Map([['input topic id', 'another']]);
    const writer = new ByteWriter();
    writer.begin();
    writeOriginRow(writer, origin);
    await store.replay([{ offset: 14, key: ORIGIN_KEY, value: writer.end() }, positionRecord(20, 12)], 15);
    expect(store.origin()).toEqual(origin);
    await store.close();
  });

  test('an earlier release moves the position on without a note: then its batch is read back too', async () => {
    const store = await reopened();
    await store.close();
    const raw = await directory().open(PARTITION);
    await raw.write([{ key: CHANGELOG_POSITION_KEY, value: encodeChangelogPosition({ offset: 20, atEndMs: 0 }) }]);
    await raw.close();
    let next = await open(directory());
    expect(next).toMatchObject({ readFrom: 18, lacksOwnBatch: true, ownBatchMayEndEarlier: true });
    next.noteReadBack();
    await next.flush();
    await next.close();
    next = await open(directory());
    expect(next).toMatchObject({ readFrom: 20, lacksOwnBatch: false, ownBatchMayEndEarlier: false });
    await next.close();
  });
});
