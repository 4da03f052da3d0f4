/** The copy of a partition's state that `repartition` has in TMPDIR, after the process was killed. */
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLeftRows } from '../../../src/repartition/changelog-rows-on-disk.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'left-rows-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function old(name: string): string {
  const path = join(folder, name);
  const time = (Date.now() - HOUR_MS) / 1_000;
  lutimesSync(path, time, time);
  return path;
}

test('copies of killed processes are removed; a copy in use, a new one and other folders stay', async () => {
  for (const name of ['company-sync-rows-killed', 'company-sync-rows-used'])
    await RocksDbStore.open(join(folder, name)).then((store) => store.close());
  for (const name of ['company-sync-rows-empty', 'company-sync-rows-new', 'other']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'company-sync-rows-used', 'x'), '');
  const used = await RocksDbStore.open(join(folder, 'company-sync-rows-used'));
  try {
    for (const name of ['company-sync-rows-killed', 'company-sync-rows-empty', 'company-sync-rows-used', 'other'])
      old(name);
    const removed = await removeLeftRows(Date.now(), folder);
    expect(removed.map((path) => path.slice(folder.length + 1)).sort()).toEqual([
      'company-sync-rows-empty',
      'company-sync-rows-killed',
    ]);
    const left = ['killed', 'empty', 'used', 'new'].filter((name) =>
      existsSync(join(folder, `company-sync-rows-${name}`)),
    );
    expect([left, existsSync(join(folder, 'other'))]).toEqual([['used', 'new'], true]);
  } finally {
    await used.close();
  }
});

test('if TMPDIR does not exist yet, there is nothing to remove', async () => {
  expect(await removeLeftRows(Date.now(), join(folder, 'tmp'))).toEqual([]);
});

test('a link or a file with such a name stays, and what the link leads to is not opened', async () => {
  mkdirSync(join(folder, 'other'));
  symlinkSync(join(folder, 'other'), join(folder, 'company-sync-rows-link'));
  writeFileSync(join(folder, 'company-sync-rows-file'), '');
  const names = ['company-sync-rows-file', 'company-sync-rows-link', 'other'];
  names.forEach(old);
  expect(await removeLeftRows(Date.now(), folder)).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(names);
  expect(readdirSync(join(folder, 'other'))).toEqual([]);
});
