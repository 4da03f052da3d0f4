/** `dead-letters repair --all` over more dead letters than memory may hold. */
import { DeadLetterDigests } from '../../../src/command/original-record.js';
import type { DeadLetterDesk } from '../../../src/command/dead-letter-desk.js';
import type { ReadDeadLetters } from '../../../src/command/dead-letter-collector.js';
import { portionsOf } from '../../../src/command/dead-letter-portions.js';
import { repairAll } from '../../../src/command/dead-letter-repair-all.js';
import type { Repairs } from '../../../src/command/dead-letter-repair.js';
import type { LogTimes } from '../../../src/command/later-records.js';
import { OutputError } from '../../../src/command/print.js';
import { RepairAllInput, type RepairAllRun } from '../../../src/command/repair-all-input.js';
import { RepairAttempts, type RecordId } from '../../../src/command/repair-attempts.js';
import type { RepairSender } from '../../../src/command/repair-sender.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { RecordTo } from '../../../src/kafka/topics/record-sender.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { Logs } from '../../../src/pipeline/ports.js';
import { type DeadLetter, idOf } from '../../../src/publish/dead-letter.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

const PARTITIONS = 1;
const KEY = Buffer.from('acme');
/** The values of two dead letters with this value fill a portion. */
const LARGE = Buffer.alloc(16 * 1_024 * 1_024);

function deadLetterAt(offset: number, repairs: readonly RecordId[] = []): DeadLetter {
  return {
    topic: 'sync-events',
    partition: 0,
    offset,
    code: 'unknown-schema',
    message: '',
    timestamp: offset,
    writtenAt: offset,
    key: KEY,
    value: Buffer.from(String(offset)),
    headers: repairs.map((id) => ({ key: 'repairs', value: Buffer.from(id) })),
  };
}

function attemptsOf(deadLetters: readonly DeadLetter[]): RepairAttempts {
  const attempts = new RepairAttempts(() => true);
  for (const deadLetter of deadLetters) attempts.add(deadLetter);
  return attempts;
}

function digestsOf(deadLetters: readonly DeadLetter[]): DeadLetterDigests {
  const digests = new DeadLetterDigests();
  for (const deadLetter of deadLetters) digests.add(idOf(deadLetter), deadLetter);
  return digests;
}

function portions(
  deadLetters: readonly DeadLetter[],
  limits: { bytes: number; count: number },
  bytesOfOne = 1,
): string[] {
  const sizes = new Map(deadLetters.map((deadLetter) => [idOf(deadLetter), bytesOfOne]));
  const read: ReadDeadLetters = {
    deadLetters,
    companies: new Map(),
    badRecords: digestsOf([]),
    timestamps: new Map(),
    mismatched: new Set(),
    attempts: attemptsOf(deadLetters),
    incomplete: null,
  };
  return portionsOf(read, sizes, limits).map((ids) => [...ids].map((id) => id.slice(2)).join(' '));
}

test('portions have a limited number of dead letters, and of bytes, except for one dead letter', () => {
  const deadLetters = [1, 2, 3, 4, 5].map((offset) => deadLetterAt(offset));
  expect(portions(deadLetters, { bytes: Infinity, count: 2 })).toEqual(['1 2', '3 4', '5']);
  expect(portions(deadLetters, { bytes: 25, count: 100 }, 10)).toEqual(['1 2 3', '4 5']);
  expect(portions([], { bytes: 1, count: 1 })).toEqual([]);
});

test('a dead letter and its failed repairs are in one portion, at the place of the dead letter', () => {
  const deadLetters = [
    deadLetterAt(1),
    deadLetterAt(2),
    deadLetterAt(3),
    deadLetterAt(4, ['0/1']),
    deadLetterAt(5, ['0/4']),
  ];
  expect(portions(deadLetters, { bytes: Infinity, count: 1 })).toEqual(['1 4 5', '2', '3']);
});

test('dead letters that claim to be failed repairs of one record do not make a portion too large for memory', () => {
  const deadLetters = [deadLetterAt(1), ...Array.from({ length: 9 }, (_, i) => deadLetterAt(2 + i, ['0/1']))];
  expect(portions(deadLetters, { bytes: Infinity, count: 1 })).toEqual(['1 2 3 4', '5 6 7 8', '9 10']);
  expect(portions(deadLetters, { bytes: 10, count: 100 }, 10)).toEqual(['1 2 3 4', '5 6 7 8', '9 10']);
});

const REFRESHED = { kind: 'status', datasetId: 'd', status: 'Complete', trigger: 'REFRESH', revision: 1 } as const;

function eventOf({ offset, timestamp, key, value }: Omit<LogRecord, 'headers'>): InputEvent | string {
  const text = String(value);
  if (text === 'unreadable') return 'undecodable';
  const payload: Payload =
    text === 'deletion'
      ? { kind: 'deleted' }
      : text.startsWith('unrevised')
        ? { ...REFRESHED, trigger: 'LINK', revision: null }
        : REFRESHED;
  return { companyId: String(key), clientId: 'c', offset, timestamp, repairs: [], payload };
}

/** The repairs that a run sends are in partition 0 of the input, from this offset on. */
const FIRST_REPAIR = 100_000;

/**
 * A topic of dead letters in memory, and the input. Counts the dead letters that are kept with their values, and the
 * records of the input that are read.
 */
class CountingDesk {
  readonly sent: { readonly value: string; readonly repairs: readonly string[] }[] = [];
  mostHeld = 0;
  recordsRead = 0;
  /** How often the registry does not answer. */
  outages = 0;

  /**
   * @param input the records of its partitions
   * @param maxBytes the memory for what is kept of the input
   */
  constructor(
    private readonly stored: readonly DeadLetter[],
    private readonly input: readonly (readonly LogRecord[])[],
    private readonly maxBytes: number | undefined,
  ) {}

  async readAll(
    _sinceMs: number | null,
    wanted: (deadLetter: DeadLetter) => DeadLetter | null,
    afterEach: () => Promise<void> | void = () => undefined,
  ): Promise<ReadDeadLetters> {
    const kept = new Set<RecordId>();
    const deadLetters = this.stored
      .map(wanted)
      .filter((deadLetter) => deadLetter !== null)
      .filter((deadLetter) => !kept.has(idOf(deadLetter)) && kept.add(idOf(deadLetter)));
    this.mostHeld = Math.max(this.mostHeld, deadLetters.filter(({ value }) => value !== null).length);
    await afterEach();
    return {
      deadLetters,
      badRecords: digestsOf(this.stored),
      companies: new Map(this.stored.map((deadLetter) => [idOf(deadLetter), 'acme'])),
      timestamps: new Map(this.stored.map((deadLetter) => [idOf(deadLetter), deadLetter.timestamp])),
      mismatched: new Set(),
      attempts: attemptsOf(this.stored),
      incomplete: null,
    };
  }

  readAgain(deadLetters: readonly DeadLetter[]): Promise<readonly (InputEvent | string)[]> {
    if (this.outages-- > 0) return Promise.resolve(deadLetters.map(() => 'the registry did not answer'));
    return Promise.resolve(deadLetters.map(eventOf));
  }

  inputForAll(run: RepairAllRun): Promise<RepairAllInput> {
    const decode = (records: readonly LogRecord[]) => Promise.resolve(records.map(eventOf));
    const ports = { logs: this.#logs(), topic: 'sync-events', partitions: this.input.length, decode };
    return Promise.resolve(new RepairAllInput(ports, run, this.maxBytes));
  }

  #logs(): Pick<Logs, 'bounds' | 'reader'> & LogTimes {
    return {
      bounds: ({ partition }) => {
        const end = (this.#recordsOf(partition).at(-1)?.offset ?? -1) + 1;
        return Promise.resolve({ start: 0, end, highWatermark: end, ...SEEN_BY_MOST });
      },
      reader: ({ partition }, from) => {
        const records = this.#recordsOf(partition).filter(({ offset }) => offset >= from);
        this.recordsRead += records.length;
        const nextOffset = (records.at(-1)?.offset ?? -1) + 1;
        return {
          next: () => Promise.resolve({ records, nextOffset, endOffset: nextOffset, leaderEpoch: -1 }),
          close: () => undefined,
        };
      },
      offsetSince: ({ partition }, timeMs) =>
        Promise.resolve(this.#recordsOf(partition).find(({ timestamp }) => timestamp >= timeMs)?.offset ?? Infinity),
    };
  }

  #recordsOf(partition: number): LogRecord[] {
    const repairs = this.sent.map(({ value, repairs }, i) => ({
      offset: FIRST_REPAIR + i,
      timestamp: 0,
      key: KEY,
      value: Buffer.from(value),
      headers: repairs.map((id) => ({ key: 'repairs', value: Buffer.from(id) })),
    }));
    return [...(this.input[partition] ?? []), ...(partition === 0 ? repairs : [])];
  }

  send([{ value, headers }]: readonly [RecordTo]): Promise<void> {
    this.sent.push({ value: String(value), repairs: headers.map((header) => String(header.value)) });
    return Promise.resolve();
  }

  inputPartitions(): Promise<number> {
    return Promise.resolve(PARTITIONS);
  }
}

interface Run {
  /** Partition 0 of the input: by default, the records of the dead letters. */
  readonly input?: readonly LogRecord[];
  /** The other partitions of the input. */
  readonly others?: readonly (readonly LogRecord[])[];
  readonly maxBytes?: number;
  readonly outages?: number;
  readonly code?: string;
  readonly unverified?: true;
  readonly 'dry-run'?: true;
  readonly print?: (line: string) => void;
}

async function repaired(
  stored: readonly DeadLetter[],
  run: Run = {},
): Promise<{ desk: CountingDesk; lines: string[] }> {
  expect(partitionOfKey(KEY, PARTITIONS)).toBe(0);
  const { input = stored, others = [], maxBytes, outages = 0, print, ...typed } = run;
  const desk = new CountingDesk(stored, [input, ...others], maxBytes);
  desk.outages = outages;
  const lines: string[] = [];
  const at: Partial<Repairs> = {
    desk: desk as unknown as DeadLetterDesk,
    sender: desk as unknown as RepairSender,
    print: (line) => {
      print?.(line);
      lines.push(line);
    },
  };
  const flags = { code: null, since: null, force: false, unverified: false, 'dry-run': false, ...typed };
  expect(await repairAll(at as Repairs, flags)).toBe(0);
  return { desk, lines };
}

test('all are sent again, each once and in order, and only a portion of them is in memory at a time', async () => {
  const stored = Array.from({ length: 2_500 }, (_, offset) => deadLetterAt(offset));
  const { desk, lines } = await repaired(stored);
  expect(desk.sent.map(({ value }) => Number(value))).toEqual(stored.map(({ offset }) => offset));
  expect(desk.mostHeld).toBe(1_000);
  expect(lines.at(-1)).toBe('2500 of 2500 dead letters without a repair were sent again');
});

test('small duplicates of large dead letters do not make a portion too large for memory', async () => {
  const large = Array.from({ length: 6 }, (_, offset) => ({ ...deadLetterAt(offset), value: LARGE }));
  const small = large.map(({ offset }) => deadLetterAt(offset));
  const { desk } = await repaired([...large, ...small], { input: large });
  expect(desk.sent).toHaveLength(6);
  expect(desk.mostHeld).toBe(2);
});

test('with --code, a dead letter of the same record with another code is not sent', async () => {
  const other = { ...deadLetterAt(1), code: 'undecodable', value: Buffer.from('other') };
  const { desk } = await repaired([other, deadLetterAt(1)], { code: 'unknown-schema', unverified: true });
  expect(desk.sent.map(({ value }) => value)).toEqual(['1']);
});

test('a dead letter of a later portion that was replaced before is counted, and not sent again', async () => {
  // The last one failed to repair the first and the one before it.
  const stored = Array.from({ length: 1_200 }, (_, offset) => deadLetterAt(offset));
  stored.push(deadLetterAt(1_200, ['0/0', '0/1199']));
  const { desk, lines } = await repaired(stored);
  expect(desk.sent[0]).toEqual({ value: '1200', repairs: ['0/1200', '0/0', '0/1199'] });
  expect(desk.sent.map(({ value }) => value)).not.toContain('1199');
  expect(desk.sent).toHaveLength(1_199);
  expect(lines.at(-1)).toBe('1201 of 1201 dead letters without a repair were sent again');
});

test('a repair that was sent for an earlier portion does not refuse a later status of the same dataset', async () => {
  const stored = Array.from({ length: 1_001 }, (_, offset) => deadLetterAt(offset));
  for (const offset of [0, 1_000])
    stored[offset] = { ...deadLetterAt(offset), value: Buffer.from(`unrevised ${offset}`) };
  const { desk, lines } = await repaired(stored);
  expect([desk.sent[0]?.value, desk.sent[1_000]?.value]).toEqual(['unrevised 0', 'unrevised 1000']);
  expect(lines.at(-1)).toBe('1001 of 1001 dead letters without a repair were sent again');
});

test('a dead letter that cannot be read is not repaired, whichever portion it is in', async () => {
  const stored = Array.from({ length: 1_001 }, (_, offset) => deadLetterAt(offset));
  stored[1_000] = { ...deadLetterAt(1_000), value: Buffer.from('unreadable') };
  const { desk, lines } = await repaired(stored);
  expect(desk.sent).toHaveLength(1_000);
  expect(lines.filter((line) => line.includes(': not repaired'))).toEqual(['0/1000: not repaired: undecodable']);
  expect(lines.at(-1)).toBe('1000 of 1001 dead letters without a repair were sent again');
});

test('a dead letter that would silence its company is left and listed, whatever else is typed', async () => {
  const stored = [deadLetterAt(1), { ...deadLetterAt(2), value: Buffer.from('deletion') }, deadLetterAt(3)];
  const { desk, lines } = await repaired(stored, { unverified: true });
  expect(desk.sent.map(({ value }) => value)).toEqual(['1', '3']);
  expect(lines).toContain(
    '0/2: not repaired: its CompanyDeleted would silence company acme permanently: if that is right, run company-sync ' +
      'dead-letters repair 0/2',
  );
  expect(lines.at(-1)).toBe('2 of 3 dead letters without a repair were sent again');
});

test('a dead letter that is not a copy of its input record is left, also if the record is gone', async () => {
  const stored = [deadLetterAt(1), deadLetterAt(2), deadLetterAt(3)];
  const input = [deadLetterAt(1), { ...deadLetterAt(2), value: Buffer.from('other') }];
  const { desk, lines } = await repaired(stored, { input });
  expect(desk.sent.map(({ value }) => value)).toEqual(['1']);
  expect(lines[0]).toContain('0/2: not repaired: the dead letter is not a copy of record 0/2 of sync-events');
  expect(lines[1]).toContain('0/3: not repaired: sync-events does not have record 0/3 now');
  const unverified = await repaired(stored, { input, unverified: true });
  expect(unverified.desk.sent.map(({ value }) => value)).toEqual(['1', '2', '3']);
});

test('a dry run sends nothing, and says what would be sent', async () => {
  const { desk, lines } = await repaired([deadLetterAt(1), deadLetterAt(2)], { 'dry-run': true });
  expect(desk.sent).toEqual([]);
  expect(lines).toEqual([
    '0/1: would send a repair for company acme (DatasetStatusChanged)',
    '0/2: would send a repair for company acme (DatasetStatusChanged)',
    '2 of 2 dead letters without a repair would be sent again: nothing was sent',
  ]);
});

test('if the output is closed, the command ends after the repair that it has just sent', async () => {
  const stored = [deadLetterAt(1), deadLetterAt(2), deadLetterAt(3)];
  const closed = new OutputError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  const printed: string[] = [];
  const print = (line: string) => {
    printed.push(line);
    if (printed.length === 2) throw closed;
  };
  await expect(repaired(stored, { print })).rejects.toBe(closed);
  expect(printed).toEqual(['0/1: sent a repair for company acme', '0/2: sent a repair for company acme']);
});

describe('the input', () => {
  const PORTIONS = 3;
  const OTHER = Buffer.from('other');
  /** Three portions of dead letters, and then many records of other companies. */
  const stored = Array.from({ length: 2_500 }, (_, offset) => deadLetterAt(offset));
  stored[2_400] = { ...deadLetterAt(2_400), value: Buffer.from('unrevised') };
  const later = Array.from({ length: 20_000 }, (_, i) => ({ ...deadLetterAt(2_500 + i), key: OTHER }));
  const input: LogRecord[] = [...stored, ...later];

  test('is read once for all portions, and after each portion only its repairs are read', async () => {
    const { desk, lines } = await repaired(stored, { input });
    expect(lines.at(-1)).toBe('2500 of 2500 dead letters without a repair were sent again');
    expect(desk.recordsRead).toBe(input.length + 2_000);
  });

  test('is read for each portion if its data for all portions takes too much memory', async () => {
    // Each portion watches its own company. The later statuses of two companies do not fit.
    const companies = ['acme', 'beta', 'gamma'];
    const bad = stored.map((deadLetter) => {
      const company = companies[Math.floor(deadLetter.offset / 1_000)] as string;
      return { ...deadLetter, key: Buffer.from(company), value: Buffer.from('unrevised') };
    });
    const statuses = companies.map((company, i) => ({
      ...deadLetterAt(2_500 + i),
      key: Buffer.from(company),
      value: Buffer.from('unrevised'),
    }));
    const all = [...bad, ...statuses, ...later.slice(companies.length)];
    const refused = (lines: readonly string[]) => lines.filter((line) => line.includes('dataset d has a later status'));
    const bounded = await repaired(bad, { input: all, maxBytes: 300 });
    expect(refused(bounded.lines)).toHaveLength(2_500);
    expect(bounded.desk.recordsRead).toBeGreaterThan(PORTIONS * 20_000);
    const unbounded = await repaired(bad, { input: all });
    expect(unbounded.lines).toEqual(bounded.lines);
    expect(unbounded.desk.recordsRead).toBe(all.length);
  });

  test('is read for a company that could not be decoded before: its later status is not undone', async () => {
    const status = { ...deadLetterAt(22_500), value: Buffer.from('unrevised') };
    const { desk, lines } = await repaired(stored, { input: [...input, status], outages: 1 });
    expect(lines).toContainEqual(expect.stringContaining('0/2400: not repaired: dataset d has a later status'));
    expect(desk.sent).toHaveLength(2_499);
  });

  test('has a later status that was written while an earlier portion was repaired: it is not undone', async () => {
    const input: LogRecord[] = [...stored];
    let isWritten = false;
    const print = () => {
      if (!isWritten) input.push({ ...deadLetterAt(50_000), value: Buffer.from('unrevised') });
      isWritten = true;
    };
    const { desk, lines } = await repaired(stored, { input, print });
    expect(lines).toContainEqual(
      expect.stringContaining('0/2400: not repaired: dataset d has a later status (0/50000)'),
    );
    expect(desk.sent).toHaveLength(2_499);
  });
});

test('an event in another partition, after the first failure and before the failed repair, is not undone', async () => {
  const first = { ...deadLetterAt(5), timestamp: 900 };
  const failed = {
    ...deadLetterAt(100, ['0/5']),
    timestamp: 2_000,
    code: 'key-mismatch',
    value: Buffer.from('unrevised'),
  };
  const between = { ...deadLetterAt(7), timestamp: 1_500, value: Buffer.from('unrevised') };
  const before = { ...between, timestamp: 800 };
  const run = (other: LogRecord) => repaired([first, failed], { others: [[other]] });
  const { desk, lines } = await run(between);
  expect(lines[0]).toContain('0/100: not repaired: dataset d has a later status (1/7)');
  expect(desk.sent.map(({ value }) => value)).toEqual(['5']);
  expect((await run(before)).desk.sent.map(({ value }) => value)).toEqual(['unrevised']);
});
