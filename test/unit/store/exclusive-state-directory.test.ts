import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { CorruptStoreError, type StateDirectory } from '../../../src/store/key-value-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();

test('a partition is opened only once its former store is closed, without waiting for others', async () => {
  const directory = newDirectory();
  const first = await directory.open(1);
  await first.write([{ key: Buffer.from('k'), value: Buffer.from('v') }]);
  const opened: string[] = [];
  const second = directory.open(1).then((store) => {
    opened.push('second');
    return store;
  });
  await (await directory.open(2)).close();
  expect(opened).toEqual([]);
  await first.close();
  const [value] = await (await second).read([Buffer.from('k')]);
  expect(value?.toString()).toBe('v');
  await (await second).close();
});

/** A directory that counts how often a store is opened, and whose writes can be made to wait and to fail. */
function countingDirectory({
  close: closing = () => Promise.resolve(),
  setAside = () => Promise.resolve(),
}: { close?: () => Promise<void>; setAside?: StateDirectory['setAside'] } = {}) {
  const counts = { opened: 0, closed: 0 };
  let write = (): Promise<void> => Promise.resolve();
  const never = () => Promise.reject(new Error('not asked for'));
  const open = () => {
    counts.opened++;
    const close = () => {
      counts.closed++;
      return closing();
    };
    const snapshot = () => {
      throw new Error('not asked for');
    };
    return Promise.resolve({ read: never, scan: never, page: never, snapshot, write: () => write(), close });
  };
  const directory = new ExclusiveStateDirectory({ open, setAside, readSetAside: never });
  return { counts, directory, writes: (next: () => Promise<void>) => (write = next) };
}

test('an open store is handed to the user that waits for it, once its writes have finished', async () => {
  const { counts, directory, writes } = countingDirectory();
  let written: () => void = () => undefined;
  writes(() => new Promise((resolve) => (written = resolve)));
  const first = await directory.open(1);
  const second = directory.open(1);
  const writing = first.write([]);
  const closing = first.close();
  let opened = false;
  void second.then(() => (opened = true));
  await turn();
  expect(opened).toBe(false);
  written();
  await Promise.all([writing, closing]);
  await expect(first.write([])).rejects.toThrow('is closed');
  expect(counts).toEqual({ opened: 1, closed: 0 });
  await (await second).close();
  expect(counts).toEqual({ opened: 1, closed: 1 });
});

test('a store that has failed is opened again by the user that waits for it', async () => {
  const { counts, directory, writes } = countingDirectory();
  writes(() => Promise.reject(new Error('the disk is full')));
  const first = await directory.open(1);
  const second = directory.open(1);
  await expect(first.write([])).rejects.toThrow('full');
  await first.close();
  await second;
  expect(counts).toEqual({ opened: 2, closed: 1 });
});

test('a user that waits for the folder, and not for the store, finds the store closed', async () => {
  const { counts, directory } = countingDirectory();
  const first = await directory.open(1);
  const aside = directory.setAside(1, 'why');
  const third = directory.open(1);
  await first.close();
  expect(counts).toEqual({ opened: 1, closed: 1 });
  await aside;
  await third;
  expect(counts).toEqual({ opened: 2, closed: 1 });
});

test('work on an unused folder is not done on a folder in use, and the next user waits for it', async () => {
  const directory = newDirectory();
  const store = await directory.open(1);
  const never = () => Promise.reject(new Error('it is in use'));
  expect(await directory.ifUnused(1, never)).toBe(false);
  await store.close();

  let done: () => void = () => undefined;
  const removed = directory.ifUnused(1, () => new Promise((resolve) => (done = resolve)));
  await turn();
  let opened = false;
  const next = directory.open(1).then((open) => {
    opened = true;
    return open;
  });
  await turn();
  expect(opened).toBe(false);
  done();
  expect(await removed).toBe(true);
  await (await next).close();
});

test('a folder that cannot be opened is free for the next one', async () => {
  const failure = new Error('the disk is full');
  const broken = {
    open: () => Promise.reject(failure),
    setAside: () => Promise.resolve(),
    readSetAside: () => Promise.resolve(null),
  };
  const directory = new ExclusiveStateDirectory(broken);
  await expect(directory.open(1)).rejects.toBe(failure);
  await expect(directory.open(1)).rejects.toBe(failure);
});

test('a close that fails ends the wait, and the folder stays', async () => {
  let names = 0;
  const close = () => Promise.reject(new Error('the disk fails'));
  const { directory } = countingDirectory({ close, setAside: () => Promise.resolve(void names++) });
  const first = await directory.open(1);
  const second = directory.open(1).then((store) => directory.setAside(1, 'why', store));
  second.catch(() => undefined); // Awaited below.
  await expect(directory.setAside(1, 'why', first)).rejects.toThrow('the disk fails');
  await expect(second).rejects.toThrow('the disk fails');
  expect(names).toBe(0);
  await directory.open(1);
});

test('a store is set aside by its user before the next user opens it, and only once', async () => {
  const directory = newDirectory();
  const first = await directory.open(1);
  await first.write([{ key: Buffer.from('k'), value: Buffer.from('bad') }]);
  const second = directory.open(1);
  await directory.setAside(1, 'why', first);
  const store = await second;
  expect(await store.read([Buffer.from('k')])).toEqual([null]);
  await expect(directory.setAside(1, 'why', first)).rejects.toThrow('is closed');
  await store.write([{ key: Buffer.from('k'), value: Buffer.from('good') }]);
  await store.close();
  expect(readdirSync(folder()).filter((name) => /aside-\w+$/.test(name))).toHaveLength(1);
});

test('a corrupt folder stays with the user that opened it until that user has set it aside', async () => {
  const partition = join(folder(), 'partition-1');
  mkdirSync(partition);
  writeFileSync(join(partition, 'CURRENT'), 'nonsense');
  const directory = newDirectory();
  const first = directory.open(1);
  const second = directory.open(1);
  const corrupt = await first;
  await expect(corrupt.read([])).rejects.toThrow(CorruptStoreError);
  await directory.setAside(1, 'why', corrupt);
  const store = await second;
  expect(await store.read([Buffer.from('k')])).toEqual([null]);
  await store.close();
});

function newDirectory(): ExclusiveStateDirectory {
  return new ExclusiveStateDirectory(new RocksStateDirectory(folder(), { now: () => 0 }));
}
