import { setImmediate as turn } from 'node:timers/promises';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();

test('a partition is opened only once its former store is closed; others are not waited for', async () => {
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

test('what is done to an unused folder is not done to one in use, and is waited for', async () => {
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
  const broken = { open: () => Promise.reject(failure), setAside: () => Promise.resolve() };
  const directory = new ExclusiveStateDirectory(broken);
  await expect(directory.open(1)).rejects.toBe(failure);
  await expect(directory.open(1)).rejects.toBe(failure);
});

function newDirectory(): ExclusiveStateDirectory {
  return new ExclusiveStateDirectory(new RocksStateDirectory(folder(), { now: () => 0 }));
}
