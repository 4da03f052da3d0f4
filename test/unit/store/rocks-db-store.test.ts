import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import RocksDB, { type WriteBatch } from 'rocksdb';
import { CorruptStoreError, StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const put = (key: string, value: string) => ({ key: Buffer.from(key), value: Buffer.from(value) });

async function filled(rows: number): Promise<void> {
  const store = await RocksDbStore.open(folder());
  await store.write(Array.from({ length: rows }, (_, i) => put(`k${i}`, `value ${i}`)));
  await store.close();
}

test('reads the written values in the requested order, and null for missing keys', async () => {
  const store = await RocksDbStore.open(folder());
  await store.write([put('a', '1'), put('b', ''), put('c', '3')]);
  await store.write([{ key: Buffer.from('c'), value: null }]);
  const values = await store.read(['c', 'b', 'a', 'z', 'a'].map((key) => Buffer.from(key)));
  expect(values.map((value) => value?.toString() ?? null)).toEqual([null, '', '1', null, '1']);
  expect(await store.read([])).toEqual([]);
  await store.close();
});

/**
 * patches/rocksdb+3.18.1.patch. As published, it keeps an object for each row until the write is done, and the garbage
 * collector copies all of them.
 */
test('during a write, only the memory of its rows is kept', async () => {
  const db = new RocksDB(folder());
  await db.ready();
  const batch = db.write({ capacity: 1, autoDestroy: true }) as WriteBatch & { readonly _operations: unknown[] };
  const rows = Array.from({ length: 1_000 }, (_, i) => put(`k${i}`, `value ${i}`));
  for (const { key, value } of rows) batch.tryPut(key, value);
  batch.tryDelete(Buffer.from('k1'));
  const written = batch.flush();
  for (let microtask = 0; microtask < 10; microtask++) await Promise.resolve();
  expect(batch._operations.length).toBeLessThan(100);
  expect(new Set(batch._operations)).toEqual(new Set(rows.flatMap(({ key, value }) => [key.buffer, value.buffer])));
  await written;
  await db.close();
});

test('written rows exist after closing and opening', async () => {
  await filled(10_000);
  const store = await RocksDbStore.open(folder());
  const [value] = await store.read([Buffer.from('k9999')]);
  expect(value?.toString()).toBe('value 9999');
  await store.close();
});

/** The binding gives each value an allocation of its own: a company of 40,000 holds would take 40 MB outside of the heap. */
test('the pairs of a scan share pieces of memory', async () => {
  const store = await RocksDbStore.open(folder());
  await store.write(Array.from({ length: 1_000 }, (_, i) => put(`k${i}`, `value ${i}`)));
  const pairs = await store.scan(Buffer.from('k'));
  expect(pairs).toHaveLength(1_000);
  expect(new Set(pairs.flatMap(({ key, value }) => [key.buffer, value.buffer])).size).toBeLessThan(50);
  await store.close();
});

test('a scan gives every pair of the prefix and no other, in key order', async () => {
  const store = await RocksDbStore.open(folder());
  const keys = [
    Buffer.of(1),
    Buffer.of(2),
    Buffer.of(2, 0),
    Buffer.of(2, 255),
    Buffer.of(2, 255, 255),
    Buffer.of(3),
    Buffer.of(255),
    Buffer.of(255, 255, 7),
  ];
  await store.write(keys.map((key) => ({ key, value: Buffer.from('x') })));
  const scan = async (prefix: number[]) => (await store.scan(Buffer.from(prefix))).map(({ key }) => [...key]);
  expect(await scan([2])).toEqual([[2], [2, 0], [2, 255], [2, 255, 255]]);
  expect(await scan([2, 255])).toEqual([
    [2, 255],
    [2, 255, 255],
  ]);
  expect(await scan([255])).toEqual([[255], [255, 255, 7]]);
  expect(await scan([4])).toEqual([]);
  expect(await scan([])).toHaveLength(keys.length);
  await store.close();
});

test('a scan longer than one fetch is complete', async () => {
  await filled(10_000);
  const store = await RocksDbStore.open(folder());
  expect(await store.scan(Buffer.from('k'))).toHaveLength(10_000);
  await store.close();
});

test('closing waits for calls in progress, and may be repeated', async () => {
  const store = await RocksDbStore.open(folder());
  const writing = store.write(Array.from({ length: 5_000 }, (_, i) => put(`k${i}`, 'x')));
  await Promise.all([store.close(), store.close()]);
  await writing;
  const again = await RocksDbStore.open(folder());
  expect(await again.scan(Buffer.from('k'))).toHaveLength(5_000);
  await again.close();
});

test('a closed store refuses', async () => {
  const store = await RocksDbStore.open(folder());
  await store.close();
  await expect(store.read([Buffer.from('a')])).rejects.toThrow(StoreUnavailableError);
  await expect(store.write([put('a', '1')])).rejects.toThrow(StoreUnavailableError);
  await expect(store.scan(Buffer.from('a'))).rejects.toThrow(StoreUnavailableError);
});

test('a folder that is open already is unavailable, not corrupt', async () => {
  const store = await RocksDbStore.open(folder());
  await expect(RocksDbStore.open(folder())).rejects.toThrow(StoreUnavailableError);
  await expect(RocksDbStore.open(folder())).rejects.toThrow('has it open');
  await store.close();
});

test('a folder without its manifest is corrupt', async () => {
  await filled(10);
  writeFileSync(join(folder(), 'CURRENT'), 'nonsense');
  await expect(RocksDbStore.open(folder())).rejects.toThrow(CorruptStoreError);
});

test('a path that cannot be a folder is unavailable if the system refuses it, else corrupt', async () => {
  const file = join(folder(), 'file');
  writeFileSync(file, '');
  await expect(RocksDbStore.open(file)).rejects.toThrow(CorruptStoreError);
});

test('rows that fail their checksum are corrupt when they are read', async () => {
  await filled(1_000);
  // The log is turned into a table file by the next opening.
  await (await RocksDbStore.open(folder())).close();
  const table = readdirSync(folder()).find((name) => name.endsWith('.sst')) as string;
  const bytes = readFileSync(join(folder(), table));
  bytes.fill(7, 16, 4_096);
  writeFileSync(join(folder(), table), bytes);

  const store = await RocksDbStore.open(folder());
  await expect(store.read([Buffer.from('k0'), Buffer.from('k1')])).rejects.toThrow(CorruptStoreError);
  await expect(store.scan(Buffer.from('k'))).rejects.toThrow(CorruptStoreError);
  await store.close();
});
