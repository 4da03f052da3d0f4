import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const clock = { now: () => Date.UTC(2024, 0, 2, 3, 4, 5, 678) };

test('each partition has its own folder, which is created if it is missing', async () => {
  const directory = new RocksStateDirectory(join(folder(), 'deep', 'state'), clock);
  const [zero, seven] = await Promise.all([directory.open(0), directory.open(7)]);
  await zero.write([{ key: Buffer.from('a'), value: Buffer.from('of 0') }]);
  expect(await seven.read([Buffer.from('a')])).toEqual([null]);
  await Promise.all([zero.close(), seven.close()]);
  expect(readdirSync(join(folder(), 'deep', 'state')).sort()).toEqual(['partition-0', 'partition-7']);
});

test('a folder that is set aside is kept under a name with the time, with the reason next to it, any number of times', async () => {
  const directory = new RocksStateDirectory(folder(), clock);
  for (let i = 0; i < 3; i++) {
    const store = await directory.open(7);
    await store.close();
    await directory.setAside(7, `reason ${i}`);
  }
  const names = ['', '-2', '-3'].map((n) => `partition-7.set-aside-20240102T030405Z${n}`);
  expect(readdirSync(folder()).sort()).toEqual(names.flatMap((name) => [name, `${name}.txt`]).sort());
  for (const [i, name] of names.entries()) {
    expect(existsSync(join(folder(), name, 'CURRENT'))).toBe(true);
    expect(readFileSync(join(folder(), `${name}.txt`), 'utf8')).toBe(`reason ${i}\n`);
  }
});

test('a file where the folder should be is set aside too', async () => {
  const directory = new RocksStateDirectory(folder(), clock);
  writeFileSync(join(folder(), 'partition-1'), 'not a folder');
  await directory.setAside(1, 'a file');
  expect(readdirSync(folder())).not.toContain('partition-1');
  await (await directory.open(1)).close();
});

test('a STATE_DIR that cannot be created is unavailable', async () => {
  mkdirSync(join(folder(), 'x'));
  writeFileSync(join(folder(), 'x', 'file'), '');
  const directory = new RocksStateDirectory(join(folder(), 'x', 'file', 'state'), clock);
  await expect(directory.open(0)).rejects.toThrow(StoreUnavailableError);
});

test('a folder is set aside even if the explanation cannot be written', async () => {
  const directory = new RocksStateDirectory(folder(), clock);
  await (await directory.open(7)).close();
  const name = 'partition-7.set-aside-20240102T030405Z';
  mkdirSync(join(folder(), `${name}.txt`));
  await directory.setAside(7, 'a reason');
  expect(readdirSync(join(folder(), name))).toContain('CURRENT');
});
