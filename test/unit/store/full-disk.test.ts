/** A disk that is really full: a tmpfs of a few megabytes. Skipped if the user may not mount one. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { changes, open, positionRow, rowsOf } from './partition-fixture.js';

const disk = mkdtempSync(join(tmpdir(), 'company-sync-full-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
const whyNot = mounted.status === 0 ? null : `no tmpfs can be mounted here: ${mounted.stderr?.toString().trim()}`;
if (whyNot !== null) console.warn(`the full-disk tests are skipped: ${whyNot}`);
const onSmallDisk = whyNot === null ? test : test.skip;

afterAll(() => {
  // Lazily, so that a failed test with an open store does not leave the mount behind.
  if (whyNot === null) spawnSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Fills all space that is left, and frees it again. */
async function fill(): Promise<() => void> {
  const filler = join(disk, 'filler');
  await expect(writeFile(filler, Buffer.alloc(16 * 1024 * 1024))).rejects.toThrow('ENOSPC');
  return () => rmSync(filler);
}

const directory = () => new RocksStateDirectory(join(disk, 'state'), { now: () => 0 });

onSmallDisk(
  'a batch that does not fit the disk makes the store unavailable, and is not there once there is room',
  async () => {
    const store = await open(directory());
    await store.apply(changes('a:->1', 10, null), positionRow(10), 0);
    store.confirm(3);
    await store.flush();

    const free = await fill();
    const large = `a:1->2 b:->${'x'.repeat(1_000_000)}`;
    await expect(store.apply(changes(large, 20, 10), positionRow(20), 0)).rejects.toThrow(StoreUnavailableError);
    await store.close();

    free();
    const again = await open(directory());
    expect(await rowsOf(again)).toBe('a=1');
    expect(again.changelogPosition).toBe(3);
    expect(again.position()).toEqual(positionRow(10));
    await again.apply(changes('a:1->2', 20, 10), positionRow(20), 0);
    await again.close();
  },
);

onSmallDisk('an undo that finds the disk full is kept until there is room', async () => {
  const store = await open(directory());
  const before = await rowsOf(store);
  const spec = Array.from({ length: 1_000 }, (_, i) => `r${i}:->${'x'.repeat(1_000)}`).join(' ');
  await store.apply(changes(spec, 30, 10), positionRow(30), 0);
  await store.close();

  const free = await fill();
  // Refused, or done in the space that the closing has freed. Never set aside: the fixture would report that.
  await open(directory()).then(
    (opened) => opened.close(),
    (error: unknown) => expect(error).toBeInstanceOf(StoreUnavailableError),
  );
  free();
  const again = await open(directory());
  expect(await rowsOf(again)).toBe(before);
  await again.close();
});

onSmallDisk('a store cannot be begun on a full disk: unavailable, not corrupt', async () => {
  const free = await fill();
  await expect(RocksDbStore.open(join(disk, 'new'))).rejects.toThrow(StoreUnavailableError);
  free();
});
