/** The log of the processor stays small, whatever fails again and again. */
import { Writable } from 'node:stream';
import type { Logger } from 'pino';
import { hiderOf } from '../../../src/lib/hide-secrets.js';
import { MAX_CAUSES, REPEAT_AFTER_MS } from '../../../src/lib/repeated-lines.js';
import { COMPANY_LINES_A_MINUTE, createLogger, MAX_LINE_CHARACTERS } from '../../../src/ops/logger.js';
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

test('bad records of no company, and warnings of any number of causes, do not use up the log lines of errors', () => {
  const words = (n: number) => String(n).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] as string);
  for (let offset = 0; offset < 10 * MAX_CAUSES; offset++)
    logger.warn({ partition: 0, offset }, `record copied to the dead-letter topic: ${words(offset)}`);
  expect(lines).toHaveLength(COMPANY_LINES_A_MINUTE);
  for (let i = 0; i < 10 * MAX_CAUSES; i++) logger.warn(`another warning ${words(i)}`);
  logger.error({ err: new Error('the disk is full') }, 'failed');
  expect(lines.at(-1)?.msg).toBe('failed');
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
  const request = { headers: { a: { b: { Authorization: 'Bearer short' } } }, sasl: { user: 'tiny' } };
  safe.info({ request, passphrase: 'open' }, 'refused planted-password \u009b2J\u202e');
  const [line = ''] = written;
  for (const secret of ['planted-password', 'short', 'tiny', 'open']) expect(line).not.toContain(secret);
  expect(line).toMatch(/^[\x20-\x7e]*\n$/);
  expect(JSON.parse(line)).toMatchObject({ msg: 'refused *** \u009b2J\u202e', passphrase: '[Redacted]' });
});

test('a line that is too long says its message, its level and its company, and nothing secret', () => {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const hide = hiderOf(['planted-password']);
  const safe = createLogger({ level: 'info', pid: 1, hide, now: () => nowMs }, destination);
  safe.info({ companyId: 'acme\u202e', password: 'open', more: 'x'.repeat(2_000_000) }, 'planted-password refused');
  safe.info({ companyId: 'b' }, '\u202e'.repeat(100_000));
  safe.info({ companyId: 'c', more: 'x'.repeat(MAX_LINE_CHARACTERS - 200) }, 'fits');
  const [tooLong = '', escaped = '', whole = ''] = written;
  expect(JSON.parse(tooLong)).toMatchObject({ level: 30, companyId: 'acme\u202e', msg: '*** refused' });
  expect((JSON.parse(tooLong) as { characters: number }).characters).toBeGreaterThan(2_000_000);
  expect(tooLong).toMatch(/^[\x20-\x7e]*\n$/);
  expect(tooLong).not.toContain('open');
  expect(JSON.parse(escaped)).toMatchObject({ companyId: 'b', msg: `${'\u202e'.repeat(1_999)}…` });
  for (const line of written) expect(line.length).toBeLessThanOrEqual(MAX_LINE_CHARACTERS + 1);
  expect(JSON.parse(whole)).toHaveProperty('more');
});

test('a warning and a fatal line are written at once, other lines with those of their turn', () => {
  const calls: string[] = [];
  const note = (call: string) => () => void calls.push(call);
  const destination = { write: note('write'), flush: note('flush'), lastFlush: note('last flush') };
  const observed = createLogger({ level: 'info', pid: 1, hide: (text) => text, now: () => nowMs }, destination);
  observed.info('a');
  observed.warn('b');
  observed.fatal('c');
  observed.flush();
  expect(calls).toEqual(['write', 'write', 'flush', 'write', 'last flush', 'last flush']);
});
