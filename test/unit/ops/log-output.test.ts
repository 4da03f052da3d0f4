/** The log stops nothing, whoever reads it and wherever it goes. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LogOutput, MAX_WAITING_CHARACTERS } from '../../../src/ops/log-output.js';
import { REPEAT_AFTER_MS } from '../../../src/lib/repeated-lines.js';
import { pollUntil } from '../../../testkit/cluster/poll-until.js';

/** A line is `<number>xxx...`. */
const LINE_CHARACTERS = 10_000;
const lineOf = (n: number): string => `${String(n).padEnd(LINE_CHARACTERS - 1, 'x')}\n`;

let folder: string;
let pipe: number;
let dropped: number[];
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'company-sync-log-'));
  execFileSync('mkfifo', [join(folder, 'log')]);
  pipe = openSync(join(folder, 'log'), constants.O_RDWR | constants.O_NONBLOCK);
  dropped = [];
  nowMs = 0;
});

afterEach(() => {
  closeSync(pipe);
  rmSync(folder, { recursive: true });
});

const outputTo = (file: number) =>
  new LogOutput(
    file,
    () => nowMs,
    (lines) => dropped.push(lines),
  );

function read(): string {
  const chunk = Buffer.alloc(64 * 1024);
  try {
    return chunk.toString('utf8', 0, readSync(pipe, chunk));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

const numbersIn = (log: string): number[] =>
  log
    .trim()
    .split('\n')
    .map((line) => parseInt(line, 10));

test('the lines of one turn are written together, in their order', async () => {
  const output = outputTo(pipe);
  for (let n = 0; n < 3; n++) output.write(lineOf(n));
  expect(read()).toBe('');
  await nextTurn();
  expect(numbersIn(read())).toEqual([0, 1, 2]);
  output.write(lineOf(3));
  output.flush();
  expect(numbersIn(read())).toEqual([3]);
});

test('if nobody reads, lines beyond a limit are dropped, and counted once somebody reads', async () => {
  const output = outputTo(pipe);
  const written = 4 * Math.ceil(MAX_WAITING_CHARACTERS / LINE_CHARACTERS);
  for (let n = 0; n < written; n++) output.write(lineOf(n));
  await nextTurn();
  let log = '';
  await pollUntil(() => Promise.resolve((log += read()) !== '' && dropped.length > 0), {
    awaited: 'the report of what was dropped',
    timeoutMs: 20_000,
    intervalMs: 5,
  });
  log += read();
  const kept = numbersIn(log);
  expect(kept).toEqual(kept.map((_, n) => n));
  expect(dropped).toEqual([written - kept.length]);
  expect(log.length).toBeLessThanOrEqual(MAX_WAITING_CHARACTERS);
});

test('a full disk drops lines, and stops nothing', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const output = outputTo(full);
    output.write(lineOf(0));
    output.write(lineOf(1));
    output.flush();
    output.lastFlush();
    expect(dropped).toEqual([2]);
    output.write(lineOf(2));
    output.flush();
    nowMs = REPEAT_AFTER_MS - 1;
    output.flush();
    expect(dropped).toEqual([2]);
    nowMs = REPEAT_AFTER_MS;
    output.flush();
    expect(dropped).toEqual([2, 1]);
  } finally {
    closeSync(full);
  }
});

test('a line that a full disk cut short is not glued to the next one', async () => {
  const file = join(folder, 'file');
  const { O_RDWR, O_NONBLOCK } = constants;
  const target = openSync(join(folder, 'log'), O_RDWR | O_NONBLOCK);
  const reopen = (path: string) => {
    closeSync(target);
    expect(openSync(path, 'a')).toBe(target); // Linux gives the lowest free number.
  };
  const output = outputTo(target);
  for (let n = 0; n < 50; n++) output.write(lineOf(n));
  output.flush(); // The pipe takes 64 KiB, which ends within a line.
  expect(read().endsWith('\n')).toBe(false);
  reopen('/dev/full');
  output.flush();
  reopen(file);
  output.write('next\n');
  output.flush();
  expect(readFileSync(file, 'utf8')).toBe('\nnext\n');
  closeSync(target);
  await nextTurn();
});

test('the end of the process waits for a slow reader, but for a limited time', () => {
  const output = outputTo(pipe);
  for (let n = 0; n < 50; n++) output.write(lineOf(n));
  const startedAt = performance.now();
  output.lastFlush();
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  let log = '';
  for (let part = read(); part !== ''; part = read()) log += part;
  for (output.lastFlush(); ;) {
    const part = read();
    if (part === '') break;
    log += part;
    output.flush();
  }
  expect(numbersIn(log)).toEqual(Array.from({ length: 50 }, (_, n) => n));
});
