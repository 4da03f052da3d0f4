/** RocksDB's own logs, of real stores. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boundInfoLogs } from '../../../src/store/info-logs.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { bytesIn } from '../../../src/store/state-size.js';
import { temporaryFolder } from './temporary-folder.js';

const MIB = 1024 * 1024;
const folder = temporaryFolder();

const logsIn = (store: string) => readdirSync(store).filter((name) => name.startsWith('LOG'));

test('a store that is opened again and again keeps its log and two old ones', async () => {
  const path = join(folder(), 'partition-0');
  for (let i = 0; i < 6; i++) await (await RocksDbStore.open(path)).close();
  expect(logsIn(path)).toHaveLength(3);
  const old = logsIn(path).sort().slice(1);
  await (await RocksDbStore.open(path)).close();
  expect(logsIn(path).sort().slice(1)[0]).toBe(old[1]);
});

test('a log that has grown is emptied while its store is open, and then takes no space on the disk', async () => {
  const path = join(folder(), 'partition-0');
  const store = await RocksDbStore.open(path);
  const log = join(path, 'LOG');
  writeFileSync(log, Buffer.alloc(2 * MIB, 'x'), { flag: 'a' });
  const before = await bytesIn(path);
  await boundInfoLogs(folder());
  expect(before - (await bytesIn(path))).toBeGreaterThanOrEqual(2 * MIB);
  await store.write([{ key: Buffer.from('k'), value: Buffer.alloc(1) }]);
  await store.close(); // It writes to its log.
  expect(statSync(log).size).toBeGreaterThan(0);
  expect(await bytesIn(path)).toBeLessThan(before - MIB);
});

test('a small log is not changed', async () => {
  const path = join(folder(), 'instance');
  const store = await RocksDbStore.open(path);
  const { size } = statSync(join(path, 'LOG'));
  await boundInfoLogs(folder());
  expect(statSync(join(path, 'LOG')).size).toBe(size);
  await store.close();
});
