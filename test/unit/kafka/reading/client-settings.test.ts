import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { ClientChoices, MAX_CHOICES_BYTES, TooManyChoicesError } from '../../../../src/domain/client-choices.js';
import type { ClientSetting, UnreadableSetting } from '../../../../src/decode/client-settings-decoder.js';
import { RegistryUnavailableError } from '../../../../src/decode/schema-source.js';
import { ClientSettings } from '../../../../src/kafka/reading/client-settings.js';
import type { Clock } from '../../../../src/lib/clock.js';
import type { LogRecord, TopicPartition } from '../../../../src/lib/record.js';
import { OffsetOutOfRangeError, ReaderClosedError } from '../../../../src/pipeline/errors.js';
import type { LogBatch, LogReader, Logs } from '../../../../src/pipeline/ports.js';
import { readableLogger } from '../../../support/log-lines.js';
import { SEEN_BY_MOST } from '../../../support/seen-by-most.js';
import { heapInUse } from '../../../../testkit/heap.js';

const { logger, lines: logged } = readableLogger('warn');
const clock: Clock = { now: () => 0, delay: () => turn() };

/** A log in memory. */
class MemoryLogs implements Logs {
  records: LogRecord[] = [];
  readonly #wake = new Set<() => void>();
  /** Thrown by the next read. */
  trouble: Error | null = null;
  start = 0;
  /** The end of the log according to a broker that is cut off; null while most brokers answer. */
  staleEnd: number | null = null;

  append(key: string | Buffer | null, value: string | null): void {
    const log = this.records;
    const bytes = (text: string | Buffer | null) => (text === null ? null : Buffer.from(text as string));
    log.push({ offset: log.length, timestamp: 0, key: bytes(key), value: bytes(value), headers: [] });
    this.wake();
  }

  wake(): void {
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }

  bounds() {
    const end = this.staleEnd ?? this.records.length;
    const byMost = this.staleEnd === null;
    return Promise.resolve({ start: this.start, end, highWatermark: end, ...SEEN_BY_MOST, byMost });
  }

  endOfEpoch(): Promise<null> {
    return Promise.resolve(null);
  }

  committedOffset(): Promise<null> {
    return Promise.resolve(null);
  }

  pendingOffset(): never {
    throw new Error('client-settings belongs to no group');
  }

  reader(_: TopicPartition, from: number): LogReader {
    let position = from;
    let closed = false;
    return {
      next: async (): Promise<LogBatch> => {
        for (;;) {
          if (closed) throw new ReaderClosedError();
          const { trouble } = this;
          this.trouble = null;
          if (trouble !== null) throw trouble;
          const log = this.records;
          const records = log.slice(position, position + 1);
          if (records.length > 0) return { records, nextOffset: ++position, endOffset: log.length, leaderEpoch: -1 };
          await new Promise<void>((resolve) => this.#wake.add(resolve));
        }
      },
      close: () => {
        closed = true;
        this.wake();
      },
    };
  }
}

/** Whether the registry has the schema of the choices `UNKNOWN_SCHEMA`. */
let registered = false;

function decodeText(values: readonly Buffer[]): Promise<(ClientSetting | UnreadableSetting)[]> {
  return Promise.resolve(
    values.map((value) => {
      const [clientId = '', policy] = value.toString().split('=');
      if (policy === 'UNKNOWN_SCHEMA' && !registered) return { kind: 'unknown-schema', why: 'no schema' };
      if (policy === 'UNKNOWN_SCHEMA') return { kind: 'setting', clientId, policy: 'FIRST_DATASET' };
      if (policy === 'FIRST_DATASET' || policy === 'ALL_DATASETS') return { kind: 'setting', clientId, policy };
      return { kind: 'unreadable', why: 'nonsense' };
    }),
  );
}

const { signal } = new AbortController();
let logs: MemoryLogs;
const opened: ClientSettings[] = [];
/** Its progress and its errors. */
const reports: string[] = [];

function open(
  decode: typeof decodeText = decodeText,
  maxBytes?: number,
  mayHaveUnknownSchemas = false,
): ClientSettings {
  const settings = new ClientSettings({
    logs,
    topic: 't',
    decode,
    clock,
    logger,
    mayHaveUnknownSchemas,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    onProgress: () => reports.push('progress'),
    onError: (error) => reports.push((error as Error).message),
  });
  opened.push(settings);
  return settings;
}

function repeat(work: () => void): never {
  for (;;) work();
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('nothing came of 100000 turns');
    await turn();
  }
}

beforeEach(() => {
  logs = new MemoryLogs();
  logged.length = 0;
  registered = false;
  reports.length = 0;
});

afterEach(() => Promise.all(opened.splice(0).map((settings) => settings.close())));

test('an empty topic is ready, without choices', async () => {
  const settings = open();
  await settings.ready(signal);
  expect(settings.policyOf('a')).toBeUndefined();
});

test('is ready after all existing records; the last choice counts, a tombstone ends it', async () => {
  logs.append('a', 'a=FIRST_DATASET');
  logs.append('b', 'b=ALL_DATASETS');
  logs.append('a', 'a=ALL_DATASETS');
  logs.append('b', null);
  logs.append('c', 'c=FIRST_DATASET');
  const settings = open();
  await settings.ready(signal);
  expect(['a', 'b', 'c'].map((id) => settings.policyOf(id))).toEqual(['ALL_DATASETS', undefined, undefined]);
});

test('settings from a broker that is cut off are not ready', async () => {
  logs.append('a', 'a=FIRST_DATASET');
  logs.append('a', 'a=ALL_DATASETS');
  logs.staleEnd = 1;
  const settings = open();
  let ready = false;
  const becomingReady = settings.ready(signal).then(() => (ready = true));
  await until(() => reports.length > 0);
  expect(reports[0]).toContain('too few brokers answer');
  expect(ready).toBe(false);
  logs.staleEnd = null;
  await becomingReady;
  expect(settings.policyOf('a')).toBe('ALL_DATASETS');
});

test('later choices are followed', async () => {
  const settings = open();
  await settings.ready(signal);
  logs.append('a', 'a=ALL_DATASETS');
  await until(() => settings.policyOf('a') === 'ALL_DATASETS');
  logs.append('a', null);
  await until(() => settings.policyOf('a') === undefined);
});

test('a client whose setting cannot be read, or is of another client, counts as ALL_DATASETS, and that is logged', async () => {
  logs.append('a', 'garbage');
  logs.append('b', 'b=FIRST_DATASET');
  logs.append('b', 'other=FIRST_DATASET');
  logs.append(null, 'c=ALL_DATASETS');
  logs.append('x'.repeat(1_025), 'garbage');
  logs.append(null, null);
  const settings = open();
  await settings.ready(signal);
  expect(['a', 'b'].map((id) => settings.policyOf(id))).toEqual(['ALL_DATASETS', 'ALL_DATASETS']);
  expect(['other', 'c', 'x'.repeat(1_025)].map((id) => settings.policyOf(id))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(logged.map(({ offset }) => offset)).toEqual([0, 2, 3, 4]);
  logs.append('a', 'a=FIRST_DATASET');
  logs.append('b', null);
  await until(() => settings.policyOf('a') === undefined && settings.policyOf('b') === undefined);
});

test.each(['garbage', 'acme=UNKNOWN_SCHEMA'])(
  'a running instance and one that starts after compaction agree on a choice that cannot be read: %s',
  async (unreadable) => {
    logs.append('acme', 'acme=FIRST_DATASET');
    const before = open();
    await before.ready(signal);
    logs.append('acme', unreadable);
    await until(() => before.policyOf('acme') === 'ALL_DATASETS');
    logs.records.shift(); // Compaction keeps only the last record of a key.
    const after = open();
    await after.ready(signal);
    expect(after.policyOf('acme')).toBe('ALL_DATASETS');
  },
);

test('of many settings that cannot be read, ten are logged one by one, and the others as a number', async () => {
  for (let i = 0; i < 1_000; i++) logs.append(`client-${i}`, 'garbage');
  await open().ready(signal);
  expect(logged).toHaveLength(11);
  expect(logged.at(-1)).toMatchObject({ records: 1_000 });
});

describe('the registry lacks the schema of many choices', () => {
  beforeEach(() => {
    for (let i = 0; i < 20; i++) logs.append(`client-${i}`, `client-${i}=UNKNOWN_SCHEMA`);
  });

  test('a start waits until the registry has it', async () => {
    const settings = open();
    let ready = false;
    const becomingReady = settings.ready(signal).then(() => (ready = true));
    await until(() => reports.length > 2);
    expect(reports[0]).toMatch(/lacks the schemas of the choices of 20 clients .* --consent unknown-schemas/);
    expect(ready).toBe(false);
    registered = true;
    await becomingReady;
    expect(settings.policyOf('client-0')).toBeUndefined();
  });

  test('a start does not wait if an operator has consented: the clients count as ALL_DATASETS', async () => {
    const settings = open(decodeText, undefined, true);
    await settings.ready(signal);
    expect(settings.policyOf('client-0')).toBe('ALL_DATASETS');
  });

  test('a start does not wait if more choices can be read', async () => {
    for (let i = 0; i < 21; i++) logs.append(`other-${i}`, `other-${i}=FIRST_DATASET`);
    const settings = open();
    await settings.ready(signal);
    expect(settings.policyOf('client-0')).toBe('ALL_DATASETS');
    registered = true; // The topic is read again after a while.
    await until(() => settings.policyOf('client-0') === undefined);
    expect(reports).toEqual(Array(reports.length).fill('progress'));
  });
});

test('a key that is not UTF-8 names no client, though its text is that of another', async () => {
  const notUtf8 = Buffer.from([0x61, 0xff]);
  logs.append('a\uFFFD', 'a\uFFFD=ALL_DATASETS');
  logs.append(notUtf8, 'a\uFFFD=FIRST_DATASET');
  logs.append(notUtf8, null);
  const settings = open();
  await settings.ready(signal);
  expect(settings.policyOf('a\uFFFD')).toBe('ALL_DATASETS');
  expect(logged.map(({ offset }) => offset)).toEqual([1]);
});

test('while the registry is down, it is not ready, and nothing is skipped', async () => {
  logs.append('a', 'a=ALL_DATASETS');
  let down = true;
  let asked = 0;
  const settings = open((values) => {
    asked++;
    return down ? Promise.reject(new RegistryUnavailableError('down')) : decodeText(values);
  });
  let ready = false;
  const becomingReady = settings.ready(signal).then(() => (ready = true));
  await until(() => asked > 3);
  expect(ready).toBe(false);
  down = false;
  await becomingReady;
  expect(settings.policyOf('a')).toBe('ALL_DATASETS');
});

test('a truncated log is read again from its start, and only then are missing choices forgotten', async () => {
  logs.append('a', 'a=ALL_DATASETS');
  const settings = open();
  await settings.ready(signal);
  logs.records = [];
  logs.append('b', 'b=ALL_DATASETS');
  logs.trouble = new OffsetOutOfRangeError('gone');
  logs.wake();
  expect(settings.policyOf('a')).toBe('ALL_DATASETS');
  await until(() => settings.policyOf('b') === 'ALL_DATASETS');
  expect(settings.policyOf('a')).toBeUndefined();
});

test('after an early close it is not ready: no partition may decide with half of the settings', async () => {
  logs.append('a', 'a=ALL_DATASETS');
  const settings = open(() => Promise.reject(new RegistryUnavailableError('down')));
  const outcome = expect(settings.ready(signal)).rejects.toThrow(ReaderClosedError);
  await settings.close();
  await outcome;
});

test('default choices take no memory, and neither do withdrawn choices', async () => {
  const room = 3 * 70;
  for (let i = 0; i < 1_000; i++) logs.append(`f${i}`, `f${i}=FIRST_DATASET`);
  for (let i = 0; i < 1_000; i++) {
    logs.append('a', 'a=ALL_DATASETS');
    logs.append(`x${i % 7}`, `x${i % 7}=ALL_DATASETS`);
    logs.append(`x${i % 7}`, i % 2 === 0 ? null : `x${i % 7}=FIRST_DATASET`);
  }
  const settings = open(decodeText, room);
  await settings.ready(signal);
  expect(settings.policyOf('a')).toBe('ALL_DATASETS');
  expect(reports).toEqual(Array(reports.length).fill('progress'));
});

test('more choices than the limit are reported: a start waits, and the former choices stay in force', async () => {
  const room = 3 * 70;
  for (const id of ['a', 'b', 'c', 'd']) logs.append(id, `${id}=ALL_DATASETS`);
  const settings = open(decodeText, room);
  let ready = false;
  const becomingReady = settings.ready(signal).then(() => (ready = true));
  const errors = () => reports.filter((one) => one !== 'progress');
  await until(() => errors().length > 0);
  expect(errors()[0]).not.toContain('compacted');
  expect(errors()[0]).toMatch(
    /^4 clients have chosen ALL_DATASETS, which takes \d+ bytes .* the limit is 210 bytes\. Delete/,
  );
  await until(() => errors().length > 2);
  expect([ready, settings.policyOf('a'), reports.includes('progress')]).toEqual([false, undefined, false]);

  logs.records.splice(3);
  await becomingReady;
  const before = errors().length;
  logs.append('d', 'd=ALL_DATASETS');
  await until(() => errors().length > before);
  expect(['a', 'c', 'd'].map((id) => settings.policyOf(id))).toEqual(Array(3).fill('ALL_DATASETS'));
});

test('deleted choices no longer count, although the topic still contains them', async () => {
  const room = 3 * 70;
  const settings = open(decodeText, room);
  await settings.ready(signal);
  for (const id of ['a', 'b', 'c', 'd']) logs.append(id, `${id}=ALL_DATASETS`);
  await until(() => reports.some((one) => one !== 'progress'));
  logs.append('b', null);
  await until(() => settings.policyOf('b') === undefined);
  expect(['a', 'c', 'd'].map((id) => settings.policyOf(id))).toEqual(Array(3).fill('ALL_DATASETS'));

  const started = open(decodeText, room);
  await started.ready(signal);
  expect(['a', 'b'].map((id) => started.policyOf(id))).toEqual(['ALL_DATASETS', undefined]);
});

test('choices that need more than twice the limit are not read: the topic must be compacted too', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  for (const id of ids) logs.append(id, `${id}=ALL_DATASETS`);
  for (const id of ids.slice(3)) logs.append(id, null);
  const settings = open(decodeText, 3 * 70);
  await until(() => reports.length > 0);
  expect(reports[0]).toMatch(/^7 clients .* Delete the choices .* the topic must also be compacted/);
  logs.records.splice(3);
  await settings.ready(signal);
  expect(settings.policyOf('a')).toBe('ALL_DATASETS');
});

test('the maximum number of choices takes at most 64 MiB, and at most twice as much while the topic is read', async () => {
  const choices = new ClientChoices();
  const before = heapInUse();
  let clients = 0;
  const choose = () => {
    choices.set(`${String(clients++).padStart(12, '0')}-4a5b-8c6d-0123456789ab`, 'ALL_DATASETS');
    choices.mustFit();
  };
  expect(() => repeat(choose)).toThrow(TooManyChoicesError);
  expect(clients).toBeGreaterThan(450_000);
  expect(heapInUse() - before).toBeLessThan(MAX_CHOICES_BYTES);
  expect(() => repeat(() => choices.set(`client-${clients++}`, 'ALL_DATASETS'))).toThrow(TooManyChoicesError);
  expect(heapInUse() - before).toBeLessThan(2 * MAX_CHOICES_BYTES);
  expect(choices.policyOf('none')).toBeUndefined();
  await turn();
});

test('a partition that stops waiting for the settings leaves nothing behind', async () => {
  const WAITS = 5_000;
  logs.append('a', 'a=ALL_DATASETS');
  const settings = open(() => Promise.reject(new RegistryUnavailableError('down')));
  const giveUp = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const controller = new AbortController();
      const waiting = settings.ready(controller.signal);
      controller.abort('stopped');
      await waiting;
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    }
  };
  await giveUp(500);
  const before = heapInUse();
  await giveUp(WAITS);
  expect((heapInUse() - before) / WAITS).toBeLessThan(200);
});
