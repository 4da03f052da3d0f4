/** Readers see the committed rows of one moment, whatever the batches do meanwhile. */
import type { CommittedRows } from '../../../src/store/committed-rows.js';
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { changes, open, positionRecord, positionRow } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();

async function openStore() {
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const rows = ['a', 'b', 'x'].map((key) => ({ offset: 0, key: Buffer.from(key), value: Buffer.from('1') }));
  await store.replay([...rows, positionRecord(5)], 4);
  return store;
}

/** All rows, by reading and by scanning alike, and the position. */
async function seenBy(view: CommittedRows): Promise<string> {
  const keys = ['a', 'b', 'n', 'x'].map((key) => Buffer.from(key));
  const values = await view.read(keys);
  const read = keys.flatMap((key, i) => (values[i] == null ? [] : [`${key.toString()}=${values[i].toString()}`]));
  const all = await view.scan(Buffer.alloc(0));
  const scanned = all.flatMap(({ key, value }) =>
    'abnx'.includes(key.toString('latin1')) ? [`${key.toString()}=${value.toString()}`] : [],
  );
  expect(scanned).toEqual(read);
  return `${read.join(' ')} @${(await view.position())?.offset}`;
}

const BEFORE = 'a=1 b=1 x=1 @5';
const AFTER = 'a=2 n=1 x=1 @10';

test('a batch is seen once it is confirmed, not while it is written or its transaction is open', async () => {
  const store = await openStore();
  const applied = store.apply(changes('a:1->2 b:1-> n:->1', 10, 5), positionRow(10), 0);
  const whileWritten = store.committed();
  await applied;
  const applying = store.committed();
  store.confirm(9);
  const confirmed = store.committed();
  expect(await seenBy(whileWritten)).toBe(BEFORE);
  expect(await seenBy(applying)).toBe(BEFORE);
  expect(await seenBy(confirmed)).toBe(AFTER);
  await store.close();
});

test('rows that are written later are not seen', async () => {
  const store = await openStore();
  const view = store.committed();
  await store.apply(changes('a:1->2 b:1-> n:->1', 10, 5), positionRow(10), 0);
  store.confirm(9);
  await store.flush();
  await store.apply(changes('x:1->3', 20, 10), positionRow(20), 0);
  expect(await seenBy(view)).toBe(BEFORE);
  expect(await seenBy(store.committed())).toBe(AFTER);
  await store.close();
});

test('a key that a batch changed twice is seen as it was before the first change', async () => {
  const store = await openStore();
  await store.apply(changes('a:1->2 a:2->3', 10, 5), positionRow(10), 0);
  expect(await seenBy(store.committed())).toBe(BEFORE);
  await store.close();
});

test('a scan returns as many pairs as its limit, whatever a batch in progress has changed', async () => {
  const store = await openStore();
  await store.replay([{ offset: 0, key: Buffer.from('y'), value: Buffer.from('1') }], 5);
  await store.apply(changes('a:1->2 b:1-> n:->1', 10, 5), positionRow(10), 0);
  const view = store.committed();
  const all = (await view.scan(Buffer.alloc(0))).map(({ key }) => key.toString('latin1'));
  for (let limit = 1; limit <= all.length; limit++)
    expect((await view.scan(Buffer.alloc(0), limit)).map(({ key }) => key.toString('latin1'))).toEqual(
      all.slice(0, limit),
    );
  await store.close();
});

test('after the store is closed nothing can be read, and closing a snapshot is not an error', async () => {
  const store = await openStore();
  const view = store.committed();
  await store.close();
  await expect(view.read([Buffer.from('a')])).rejects.toThrow(StoreUnavailableError);
  await expect(view.scan(Buffer.from('a'))).rejects.toThrow(StoreUnavailableError);
  expect(() => store.committed()).toThrow(StoreUnavailableError);
  await view.close();
});
