/** The log of the processor stays small, whatever fails again and again. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Logger } from 'pino';
import { pollUntil } from '../../../testkit/cluster/poll-until.js';
import { hiderOf } from '../../../src/lib/hide-secrets.js';
import { MAX_CAUSES, REPEAT_AFTER_MS } from '../../../src/lib/repeated-lines.js';
import { COMPANY_LINES_A_MINUTE, createLogger, MAX_WAITING_CHARACTERS, openLog } from '../../../src/ops/logger.js';
import { LoggingObserver } from '../../../src/ops/logging-observer.js';

interface Line {
  readonly msg: string;
  readonly leftOut?: number;
  readonly partition?: number;
}
let lines: Line[];
let nowMs: number;
let logger: Logger;

beforeEach(() => {
  lines = [];
  nowMs = 0;
  const destination = new Writable({
    write: (chunk: Buffer, _, done) => {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Line);
      done();
    },
  });
  logger = createLogger({ level: 'info', pid: 1, hide: (text) => text, now: () => nowMs }, destination);
});

test('one cause has one line a minute over all partitions, with how many were left out', () => {
  for (nowMs = 0; nowMs <= REPEAT_AFTER_MS; nowMs += 1_000)
    for (let partition = 0; partition < 12; partition++)
      logger.warn({ partition, err: new Error(`connect ECONNREFUSED 10.0.0.${partition}:9092`) }, 'tried again');
  expect(lines.map(({ leftOut }) => leftOut)).toEqual([undefined, 12 * 60 - 1]);
});

test('another cause, or a line about another partition, has a line of its own', () => {
  logger.warn({ err: new Error('refused') }, 'tried again');
  logger.warn({ err: new Error('timed out') }, 'tried again');
  logger.error({ err: new Error('refused') }, 'gave up');
  for (const partition of [1, 2, 1]) logger.warn({ partition, why: 'corrupt' }, 'state folder set aside');
  logger.warn('a warning alone');
  logger.warn(new Error('an error alone'));
  expect(lines.map(({ msg, partition }) => `${msg} ${partition ?? ''}`.trim())).toEqual([
    'tried again',
    'tried again',
    'gave up',
    'state folder set aside 1',
    'state folder set aside 2',
    'a warning alone',
    'an error alone',
  ]);
});

test('any number of causes has a bounded number of lines', () => {
  const words = (n: number) => String(n).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] as string);
  for (let i = 0; i < 10 * MAX_CAUSES; i++) logger.warn({ err: new Error(words(i)) }, 'tried again');
  expect(lines).toHaveLength(MAX_CAUSES + 1);
});

test('many different lines about choices of clients do not use up the log lines of other faults', () => {
  const words = (n: number) => String(n).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] as string);
  for (let offset = 0; offset < 10 * MAX_CAUSES; offset++) {
    const why = `its key is not its client ${words(offset)}`;
    logger.warn({ topic: 'client-settings', offset, why }, 'client setting ignored');
  }
  expect(lines).toHaveLength(COMPANY_LINES_A_MINUTE);
  for (const error of ['one', 'another']) logger.error({ err: new Error(error) }, 'failed');
  expect(lines.slice(COMPANY_LINES_A_MINUTE).map(({ msg }) => msg)).toEqual(['failed', 'failed']);
});

test('lines about companies are limited for each kind, and lines below a warning are not limited', () => {
  for (let i = 0; i < 1_000; i++) {
    logger.warn({ companyId: `c${i}` }, `record copied to the dead-letter topic: offset ${i}`);
    logger.info({ companyId: `c${i}` }, 'company is synchronized');
  }
  logger.warn({ companyId: 'c' }, 'company is stalled');
  expect(lines).toHaveLength(COMPANY_LINES_A_MINUTE + 1_000 + 1);
});

test('a partition that fails again and again has its error once a minute, and no line for each state of each attempt', () => {
  const observer = new LoggingObserver(logger, () => nowMs);
  observer.state(0, { state: 'running', reason: null });
  for (; nowMs < REPEAT_AFTER_MS; nowMs += 1_000) {
    observer.error(0, new Error('the disk is full'));
    observer.state(0, { state: 'waiting', reason: 'the disk is full' });
    observer.state(0, { state: 'fencing', reason: null });
  }
  expect(lines.map(({ msg }) => msg)).toEqual([
    'partition is running',
    'taking the partition over again after an error',
  ]);
  observer.state(0, { state: 'running', reason: null });
  expect(lines.at(-1)?.msg).toBe('partition is running');
});

test('a line has no secret in any field, and no character that moves a cursor', () => {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const hide = hiderOf(['planted-password']);
  const safe = createLogger({ level: 'info', pid: 1, hide, now: () => nowMs }, destination);
  const request = { headers: { authorization: 'Bearer short' }, password: 'tiny' };
  safe.info({ request, passphrase: 'open' }, 'refused planted-password \u009b2J\u202e');
  const [line = ''] = written;
  for (const secret of ['planted-password', 'short', 'tiny', 'open']) expect(line).not.toContain(secret);
  expect(line).toMatch(/^[\x20-\x7e]*\n$/);
  expect(JSON.parse(line)).toMatchObject({ msg: 'refused *** \u009b2J\u202e', passphrase: '[Redacted]' });
});

test('a reader of the log that hangs stops nothing: lines beyond a limit are dropped, and counted once it reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'company-sync-log-'));
  execFileSync('mkfifo', [join(folder, 'log')]);
  const pipe = openSync(join(folder, 'log'), constants.O_RDWR | constants.O_NONBLOCK);
  const read = (): string => {
    const chunk = Buffer.alloc(64 * 1024);
    try {
      return chunk.toString('utf8', 0, readSync(pipe, chunk));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
      throw error;
    }
  };
  try {
    const destination = openLog(pipe);
    const piped = createLogger({ level: 'info', pid: 1, hide: (text) => text, now: () => nowMs }, destination);
    const text = 'x'.repeat(10_000);
    const written = 4 * Math.ceil(MAX_WAITING_CHARACTERS / text.length);
    for (let n = 0; n < written; n++) piped.info({ n }, text);
    let log = '';
    await pollUntil(() => Promise.resolve((log += read()).includes('log lines were dropped')), {
      awaited: 'a line that says how many were dropped',
      timeoutMs: 20_000,
      intervalMs: 5,
    });
    const got = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { n?: number; lines?: number });
    const kept = got.filter(({ n }) => n !== undefined);
    expect(kept.map(({ n }) => n)).toEqual(kept.map((_, n) => n));
    expect(got.at(-1)?.lines).toBe(written - kept.length);
    expect(kept.length * text.length).toBeLessThan(1.1 * MAX_WAITING_CHARACTERS);
    const closed = once(destination, 'close');
    destination.end();
    await closed;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
