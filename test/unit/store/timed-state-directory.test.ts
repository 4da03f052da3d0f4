/** A state volume that hangs: calls end with an error, and each folder still has one user at a time. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { CALL_DEADLINE_MS, OPEN_DEADLINE_MS } from '../../../src/store/call-deadline.js';
import { ExclusiveStateDirectory } from '../../../src/store/exclusive-state-directory.js';
import { StoreUnavailableError, type KeyValueStore } from '../../../src/store/key-value-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { TimedStateDirectory } from '../../../src/store/timed-state-directory.js';
import { ManualClock } from '../../support/manual-clock.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const KEY = Buffer.from('k');
let clock: ManualClock;

beforeEach(() => {
  clock = new ManualClock();
});

/** A disk whose calls for partition 3 hang while `hangs`, and end once `recover` is called. */
class Disk {
  hangs = false;
  /** Stores of that partition that are open. */
  open = 0;
  #waiting: (() => void)[] = [];
  readonly directory = new TimedStateDirectory(
    new ExclusiveStateDirectory({
      open: (partition) => (partition === 3 ? this.#openStore() : Promise.resolve(new Disk().#store())),
      setAside: () => Promise.reject(new Error('not asked for')),
      readSetAside: () => Promise.reject(new Error('not asked for')),
    }),
    clock,
  );

  recover(): void {
    this.hangs = false;
    for (const end of this.#waiting.splice(0)) end();
  }

  async #openStore(): Promise<KeyValueStore> {
    if (++this.open > 1) throw new Error('a folder has two users');
    await this.#answer();
    return this.#store();
  }

  #store(): KeyValueStore {
    const snapshot = () => ({
      read: () => this.#answer().then(() => []),
      scan: () => this.#answer().then(() => []),
      pairs: () => this.#pairs(),
      close: () => this.#answer(),
    });
    const none = () => this.#answer().then(() => []);
    const close = () => this.#answer().then(() => void this.open--);
    return { read: none, scan: none, page: none, write: () => this.#answer(), snapshot, close };
  }

  async *#pairs() {
    yield { key: KEY, value: KEY };
    await this.#answer();
    yield { key: KEY, value: KEY };
  }

  #answer(): Promise<void> {
    return this.hangs ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }
}

async function firstPairs(store: KeyValueStore): Promise<void> {
  for await (const pair of store.snapshot().pairs(KEY)) expect(pair.key).toEqual(KEY);
}

test.each<[string, string, number, (store: KeyValueStore) => Promise<unknown>]>([
  ['read', 'reading', CALL_DEADLINE_MS, (store) => store.read([KEY])],
  ['scan', 'reading', CALL_DEADLINE_MS, (store) => store.scan(KEY)],
  ['page', 'reading', CALL_DEADLINE_MS, (store) => store.page(KEY, null, 1)],
  ['write', 'writing to', CALL_DEADLINE_MS, (store) => store.write([])],
  ['read of a snapshot', 'reading', CALL_DEADLINE_MS, (store) => store.snapshot().read([KEY])],
  ['look through a snapshot', 'reading', CALL_DEADLINE_MS, (store) => firstPairs(store)],
  ['close', 'closing', OPEN_DEADLINE_MS, (store) => store.close()],
])('a %s that hangs ends with an error, and the folder is used again only after it', async (_, doing, limitMs, ask) => {
  const disk = new Disk();
  const store = await disk.directory.open(3);
  disk.hangs = true;
  const asked = ask(store);
  const failed = expect(asked).rejects.toThrow(
    `the state volume does not answer: ${doing} partition-3 has taken ${limitMs / 1000} s`,
  );
  await turn();
  clock.advance(limitMs - 1);
  await turn();
  expect(disk.directory.longestMs).toBe(limitMs - 1);
  clock.advance(1);
  await failed;

  clock.advance(5_000);
  const message = `${doing} partition-3 has taken ${limitMs / 1000 + 5} s`;
  await expect(store.close()).rejects.toThrow(limitMs === OPEN_DEADLINE_MS ? StoreUnavailableError : message);
  await expect(disk.directory.open(3)).rejects.toThrow(message);
  await (await disk.directory.open(4)).close();

  disk.recover();
  await turn();
  const next = await disk.directory.open(3);
  expect(await next.read([KEY])).toEqual([]);
  await next.close();
  expect(disk).toMatchObject({ open: 0 });
  expect(disk.directory.longestMs).toBe(0);
});

test('a call that is answered in time leaves nothing behind', async () => {
  const disk = new Disk();
  const store = await disk.directory.open(3);
  await store.write([]);
  clock.advance(10 * OPEN_DEADLINE_MS);
  await turn();
  expect(await store.read([KEY])).toEqual([]);
  await store.close();
});

test('a store that opens after its caller has stopped waiting is closed before the next one opens', async () => {
  const disk = new Disk();
  disk.hangs = true;
  const opened = disk.directory.open(3);
  const failed = expect(opened).rejects.toThrow('opening partition-3 has taken 120 s');
  await turn();
  clock.advance(OPEN_DEADLINE_MS);
  await failed;
  disk.recover();
  await turn();
  await (await disk.directory.open(3)).close();
  expect(disk.open).toBe(0);
});

describe('RocksDB with a file that hangs', () => {
  /** Opening a pipe without a writer hangs, like a file on a volume that hangs. */
  async function withPipe(): Promise<string> {
    const store = await new RocksStateDirectory(folder(), clock).open(3);
    await store.close();
    const current = join(folder(), 'partition-3', 'CURRENT');
    rmSync(current);
    execFileSync('mkfifo', [current]);
    return current;
  }

  /** Waits until a process opens the pipe for reading. @returns the writing end */
  async function readerOf(pipe: string): Promise<number> {
    for (;;) {
      try {
        return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch {
        await turn();
      }
    }
  }

  test('its opening is given up, and not tried again meanwhile', async () => {
    const current = await withPipe();
    const rocks = new ExclusiveStateDirectory(new RocksStateDirectory(folder(), clock));
    const directory = new TimedStateDirectory(rocks, clock);
    const opened = directory.open(3);
    const failed = expect(opened).rejects.toThrow('the state volume does not answer');
    const writer = await readerOf(current);
    clock.advance(OPEN_DEADLINE_MS);
    await failed;
    await expect(directory.open(3)).rejects.toThrow('the state volume does not answer');

    rmSync(current);
    writeFileSync(current, '');
    closeSync(writer); // Now the reader of the pipe gets its end.
    while (directory.longestMs > 0) await turn();
    const store = await directory.open(3);
    await expect(store.read([KEY])).rejects.toThrow('CURRENT');
    await store.close();
  });

  test('the process ends anyway', async () => {
    const current = await withPipe();
    const script = join(__dirname, 'hanging-child.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder()], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 10_000,
    });
    const ended = await once(child, 'exit');
    expect(ended).toEqual([null, 'SIGKILL']);
    rmSync(current);
  });
});
