import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CallDeadline } from '../../../src/store/call-deadline.js';
import { InstanceLock, StateDirInUseError } from '../../../src/store/instance-lock.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { lookIntoStopped, NotStateFolderError } from '../../../src/store/stopped-instance.js';
import { changes, identity, open, positionRecord, positionRow } from './partition-fixture.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const clock = { now: () => 0 };
const volume = new CallDeadline(systemClock);

/** Every file with what is in it. */
function contentOf(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

/** An instance that ran one batch and left it in its write-ahead log. @param end how its last batch ended */
async function instanceThat(end: 'was stopped' | 'was killed'): Promise<void> {
  const lock = await InstanceLock.take(folder(), clock, volume);
  const store = await open(new RocksStateDirectory(folder(), clock));
  await store.replay([{ offset: 0, key: Buffer.from('a'), value: Buffer.from('1') }, positionRecord(5)], 4);
  await store.apply(changes('a:1->2 n:->1', 10, 5), positionRow(10), 0);
  if (end === 'was stopped') {
    store.confirm(9);
    await store.flush();
  }
  await Promise.all([store.close(), lock.release()]);
}

function seen() {
  return lookIntoStopped(folder(), async ({ rows, lastBatchLeftOut, identity: whose }) => {
    const [a, n] = await rows.read([Buffer.from('a'), Buffer.from('n')]);
    const offset = (await rows.position())?.offset;
    return { a: a?.toString(), n: n?.toString() ?? null, offset, lastBatchLeftOut, whose };
  });
}

test.each([
  ['was stopped' as const, { a: '2', n: '1', offset: 10, lastBatchLeftOut: false }],
  ['was killed' as const, { a: '1', n: null, offset: 5, lastBatchLeftOut: true }],
])('the state of an instance that %s is read, and no byte of it changes', async (end, expected) => {
  await instanceThat(end);
  const before = contentOf(folder());
  expect(await seen()).toEqual({ ...expected, whose: identity });
  expect(contentOf(folder())).toEqual(before);
});

test('a folder is refused while its instance runs, and the instance keeps its lock', async () => {
  await instanceThat('was stopped');
  const script = join(__dirname, 'look-into-stopped.ts');
  const look = () => spawnSync(process.execPath, ['--import', 'tsx', script, folder()], { encoding: 'utf8' });
  const lock = await InstanceLock.take(folder(), clock, volume);
  expect(look().stdout).toContain('StateDirInUseError');
  expect(look().stdout).toContain('StateDirInUseError');
  await lock.release();
  expect(look().stdout).toContain('seen 1');
});

test('a folder that is not a state folder is refused, and none is created', async () => {
  const look = () => Promise.resolve(null);
  await expect(lookIntoStopped(join(folder(), 'nothing'), look)).rejects.toThrow(
    new NotStateFolderError('there is no such folder'),
  );
  await expect(lookIntoStopped(folder(), look)).rejects.toThrow(NotStateFolderError);
  expect(readdirSync(folder())).toEqual([]);
});

test('no instance can start on a folder that is being read', async () => {
  await instanceThat('was stopped');
  const start = join(__dirname, 'take-instance-lock.ts');
  const output = await lookIntoStopped(folder(), () =>
    Promise.resolve(
      spawnSync(process.execPath, ['--import', 'tsx', start, folder()], { encoding: 'utf8', timeout: 30_000 }),
    ),
  );
  expect(`${output?.stdout}${output?.stderr}`).toContain(StateDirInUseError.name);
});
