import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CallDeadline } from '../../../src/store/call-deadline.js';
import { InstanceLock, stateDirExposure, StateDirInUseError } from '../../../src/store/instance-lock.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const clock = { now: () => 0 };
const volume = new CallDeadline(systemClock);

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

/** The output of a second process about its attempt to take the folder. */
async function otherProcess(): Promise<string> {
  const script = join(__dirname, 'take-instance-lock.ts');
  child = spawn(process.execPath, ['--import', 'tsx', script, folder()], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return said.toString();
}

test('a second process on the same folder is refused, and the folder named', async () => {
  const lock = await InstanceLock.take(folder(), clock, volume);
  expect(await otherProcess()).toBe(
    `StateDirInUseError: ${folder()} is used by another process: give each instance a STATE_DIR of its own\n`,
  );
  await lock.release();
});

test('a killed process releases the folder, and its stored values are kept', async () => {
  expect(await otherProcess()).toBe('taken\n');
  await expect(InstanceLock.take(folder(), clock, volume)).rejects.toThrow(StateDirInUseError);
  child?.kill('SIGKILL');
  await once(child as ChildProcess, 'exit');

  const lock = await InstanceLock.take(folder(), clock, volume);
  expect(await lock.get('memberId')).toBe('of the other process');
  await lock.release();
});

test('stored values survive a restart until they are deleted', async () => {
  const first = await InstanceLock.take(folder(), clock, volume);
  expect(await first.get('clusterId')).toBeNull();
  await first.set('clusterId', 'kafka-é');
  await first.set('memberId', '');
  await first.release();

  const second = await InstanceLock.take(folder(), clock, volume);
  expect(await second.get('clusterId')).toBe('kafka-é');
  expect(await second.get('memberId')).toBe('');
  await second.delete('clusterId');
  expect(await second.get('clusterId')).toBeNull();
  await second.release();
});

test('an unreadable instance folder stops no start: it is set aside', async () => {
  await (await InstanceLock.take(folder(), clock, volume)).release();
  writeFileSync(join(folder(), 'instance', 'CURRENT'), 'nonsense');
  const lock = await InstanceLock.take(folder(), clock, volume);
  expect(await lock.get('memberId')).toBeNull();
  await lock.release();
  expect(readdirSync(folder())).toContain('instance.set-aside-19700101T000000Z');
});

test('a new state folder is only for its owner, and wider permissions lead to a warning', async () => {
  const stateDir = join(folder(), 'new', 'state');
  expect(await stateDirExposure(stateDir)).toBeNull();
  const lock = await InstanceLock.take(stateDir, clock, volume);
  await lock.release();
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  expect(await stateDirExposure(stateDir)).toBeNull();
  for (const mode of [0o750, 0o701, 0o755]) {
    chmodSync(stateDir, mode);
    expect(await stateDirExposure(stateDir)).toContain(`has mode ${mode.toString(8)}`);
  }
});
