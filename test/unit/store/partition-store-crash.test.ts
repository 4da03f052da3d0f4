/**
 * kill -9 between and within the steps of a store. At every moment, the undo must restore the state before a batch that
 * was not known to be committed, and the store must have everything below the stored changelog position.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { open, positionRow, rowsOf } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();

async function killedAt(step: string, afterMs = 0): Promise<void> {
  const script = join(__dirname, 'crash-child.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder(), step, `${afterMs}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
}

async function survivors(): Promise<{ rows: string; position: number | undefined; changelogPosition: number }> {
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }), { changelogEnd: 100_000 });
  const rows = await rowsOf(store);
  const many = rows.match(/ z\d+=3/g)?.length ?? 0;
  const seen = {
    rows: rows.replaceAll(/ z\d+=3/g, '') + (many === 0 ? '' : ` and ${many} more`),
    position: store.position()?.offset,
    changelogPosition: store.changelogPosition,
  };
  await store.close();
  return seen;
}

const states = [
  { rows: 'a=0', position: 5, changelogPosition: 4 },
  { rows: 'a=1 n=1', position: 10, changelogPosition: 8 },
  { rows: 'a=2', position: 20, changelogPosition: 12 },
  { rows: 'a=3 m=3 and 20000 more', position: 30, changelogPosition: 20_020 },
];

test.each([
  ['replay', 0],
  ['apply 1', 0],
  // A confirmation is only in memory: the changelog restores the batch.
  ['confirm 1', 0],
  ['flush 1', 1],
  ['apply 2', 1],
  ['confirm 2', 1],
  // The next batch carries it.
  ['apply 3', 2],
  ['confirm 3', 2],
  ['apply 4', 3],
])('killed after %s, the store is at state %i', async (step, state) => {
  await killedAt(step);
  expect(await survivors()).toEqual(states[state]);
});

test.each([0, 5, 10, 20, 40])(
  'after a kill within a large batch, %i ms after its begin, nothing of the batch is left',
  async (ms) => {
    await killedAt('during apply 4', ms);
    // If this batch was not written, the batch before is undone; otherwise this one is.
    expect([states[2], states[3]]).toContainEqual(await survivors());
  },
);

test('a store that was killed and undone accepts the same batches again', async () => {
  await killedAt('apply 3');
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }), { changelogEnd: 100_000 });
  expect(store.position()).toEqual(positionRow(20));
  await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('3') }], 20_020);
  await store.close();
  expect(await survivors()).toMatchObject({ rows: 'a=3', changelogPosition: 20_020 });
});
