/** Unused state is removed after its retention, and not before. With real folders and the test's own clock. */
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StateGarbage } from '../../../src/ops/state-garbage.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import type { FolderUse } from '../../../src/pipeline/observer.js';
import { CallDeadline } from '../../../src/store/call-deadline.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { stateVolumeAt } from '../../../src/store/state-volume.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';
import { positionRecord } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

const RETENTION_MS = 24 * HOUR_MS;

const folder = temporaryFolder();

class Instance {
  readonly stateDir = folder();
  now = Date.now();
  readonly used = new Set<number>();
  readonly removed: string[] = [];
  readonly errors: unknown[] = [];
  /** Up to which input offset the changelog has come; or why the brokers do not tell. */
  changelogAt: number | Error = 5;
  use: readonly FolderUse[] = [];
  readonly statePositions = new StatePositions(new Map([[1, 5]]));
  readonly state = new ExclusiveStateDirectory(new RocksStateDirectory(this.stateDir, { now: () => this.now }));

  async makeState(partition: number): Promise<void> {
    const store = await this.state.open(partition);
    await store.write([{ key: Buffer.from('k'), value: Buffer.alloc(10_000) }, positionRecord(5)]);
    await store.close();
  }

  /** Each sweep has its own object, like a new process: only the folders carry information. */
  async sweepAfter(ms: number): Promise<void> {
    this.now += ms;
    const garbage = new StateGarbage({
      folders: stateVolumeAt(this.stateDir, { now: () => this.now }),
      retentionMs: RETENTION_MS,
      state: this.state,
      isUsed: (partition) => this.used.has(partition),
      statePositions: this.statePositions,
      volume: new CallDeadline(new ManualClock()),
      clock: { now: () => this.now, delay: () => Promise.resolve() },
      observer: {
        diskUse: (folders) => (this.use = folders),
        stateRemoved: (folder) => this.removed.push(folder),
        sweepError: (error) => this.errors.push(error),
      },
      isInChangelog: (_, { position }) =>
        this.changelogAt instanceof Error
          ? Promise.reject(this.changelogAt)
          : Promise.resolve(this.changelogAt >= position.offset),
    });
    await garbage.sweep();
  }

  has(partition: number): boolean {
    return existsSync(join(this.stateDir, `partition-${partition}`));
  }
}

test('state is removed once it was unused for the retention, counted from its last use', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  instance.used.add(1);
  await instance.sweepAfter(3 * RETENTION_MS);
  expect(instance.has(1)).toBe(true);

  instance.used.clear();
  await instance.sweepAfter(RETENTION_MS - HOUR_MS);
  expect(instance.has(1)).toBe(true);
  expect(instance.statePositions.all().get(1)).toBe(5);
  await instance.sweepAfter(2 * HOUR_MS);
  expect(instance.has(1)).toBe(false);
  expect(instance.statePositions.all().has(1)).toBe(false);
  expect(instance.removed).toEqual([join(instance.stateDir, 'partition-1')]);
});

test('state that the changelog lacks is kept until an owner has come as far', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  instance.changelogAt = 4;
  await instance.sweepAfter(10 * RETENTION_MS);
  expect([instance.has(1), instance.errors]).toEqual([true, []]);
  instance.changelogAt = 5;
  await instance.sweepAfter(0);
  expect(instance.has(1)).toBe(false);
});

test('state is kept while the brokers do not tell what the changelog has, and the sweep goes on', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  await instance.makeState(2);
  instance.used.add(2);
  instance.changelogAt = new Error('too few brokers answer');
  await instance.sweepAfter(2 * RETENTION_MS);
  expect([instance.has(1), instance.errors]).toEqual([true, [instance.changelogAt]]);
  expect(instance.use.map(({ partition }) => partition)).toEqual([1, 2]);
});

test('a folder that is open is kept, whoever uses it', async () => {
  const instance = new Instance();
  const store = await instance.state.open(1);
  await instance.sweepAfter(2 * RETENTION_MS);
  expect(instance.has(1)).toBe(true);
  await store.close();
});

test('a folder that was set aside is removed too, with its explanation, after the retention', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  await instance.state.setAside(1, 'it is corrupt');
  await instance.makeState(1);
  instance.used.add(1);
  await instance.sweepAfter(RETENTION_MS - HOUR_MS);
  expect(readdirSync(instance.stateDir)).toHaveLength(3);
  await instance.sweepAfter(2 * HOUR_MS);
  expect(readdirSync(instance.stateDir)).toEqual(['partition-1']);
});

test('each sweep reports the size of every folder', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  await instance.makeState(2);
  await instance.state.setAside(2, 'it is corrupt');
  instance.used.add(1);
  await instance.sweepAfter(0);
  const bytes = new Map(instance.use.map((folder) => [folder.partition, folder.bytes]));
  expect([...bytes.keys()].sort()).toEqual([1, null]);
  for (const each of bytes.values()) expect(each).toBeGreaterThan(10_000);
});

test("each sweep empties RocksDB's own logs that have grown too large", async () => {
  const instance = new Instance();
  await instance.makeState(1);
  instance.used.add(1);
  const log = join(instance.stateDir, 'partition-1', 'LOG');
  writeFileSync(log, Buffer.alloc(2 * 1024 * 1024), { flag: 'a' });
  await instance.sweepAfter(0);
  expect(statSync(log).size).toBe(0);
});

test('a volume that hangs is reported at each sweep, and counts as a call in progress', async () => {
  const instance = new Instance();
  await instance.makeState(1);
  const clock = new ManualClock();
  const volume = new CallDeadline(clock);
  const errors: unknown[] = [];
  let end: (removed: boolean) => void = () => undefined;
  let removes: () => void = () => undefined;
  const removing = new Promise<void>((resolve) => (removes = resolve));
  const garbage = new StateGarbage({
    folders: stateVolumeAt(instance.stateDir, clock),
    retentionMs: -Infinity,
    volume,
    clock,
    statePositions: instance.statePositions,
    state: { ifUnused: () => (removes(), new Promise((resolve) => (end = resolve))) },
    isUsed: () => false,
    isInChangelog: () => Promise.resolve(true),
    observer: {
      diskUse: () => undefined,
      stateRemoved: () => undefined,
      sweepError: (error) => void errors.push(error),
    },
  });
  garbage.start();
  await removing;
  await passTime(clock, 700_000);
  expect(errors.length).toBeGreaterThan(1);
  expect(String(errors[0])).toMatch(
    /the state volume does not answer: removing in STATE_DIR .* check the disk of STATE_DIR/,
  );
  expect(volume.longestMs).toBeGreaterThan(600_000);
  end(true);
  await garbage.close();
  expect(volume.longestMs).toBe(0);
});
