/** `dead-letters repair --all` over more dead letters than memory may hold. */
import type { DeadLetterDesk } from '../../../src/command/dead-letter-desk.js';
import type { OfRepairAll } from '../../../src/command/dead-letter-reader.js';
import type { ReadDeadLetters } from '../../../src/command/dead-letter-collector.js';
import { portionsOf } from '../../../src/command/dead-letter-portions.js';
import { repairAll } from '../../../src/command/dead-letter-repair-all.js';
import type { Repairs } from '../../../src/command/dead-letter-repair.js';
import { InputAfterwards } from '../../../src/command/input-afterwards.js';
import { OutputError } from '../../../src/command/print.js';
import { RepairAttempts, type RecordId } from '../../../src/command/repair-attempts.js';
import type { RepairSender } from '../../../src/command/repair-sender.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { RecordTo } from '../../../src/kafka/topics/record-sender.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { type DeadLetter, idOf } from '../../../src/publish/dead-letter.js';

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

function portions(
  deadLetters: readonly DeadLetter[],
  limits: { bytes: number; count: number },
  bytesOfOne = 1,
): string[] {
  const sizes = new Map(deadLetters.map((deadLetter) => [idOf(deadLetter), bytesOfOne]));
  const read: ReadDeadLetters = {
    deadLetters,
    companies: new Map(),
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

function eventOf({ offset, timestamp, value }: Pick<LogRecord, 'offset' | 'timestamp' | 'value'>): InputEvent | string {
  const text = String(value);
  if (text === 'unreadable') return 'undecodable';
  const payload: Payload =
    text === 'deletion'
      ? { kind: 'deleted' }
      : text.startsWith('unrevised')
        ? { ...REFRESHED, trigger: 'LINK', revision: null }
        : REFRESHED;
  return { companyId: 'acme', clientId: 'c', offset, timestamp, repairs: [], payload };
}

/** A topic of dead letters in memory, which counts the dead letters that are kept with their values. */
class CountingDesk {
  readonly sent: { readonly value: string; readonly repairs: readonly string[] }[] = [];
  mostHeld = 0;

  /** @param input the records that the dead letters name */
  constructor(
    private readonly stored: readonly DeadLetter[],
    private readonly input: readonly LogRecord[],
  ) {}

  readAll(_sinceMs: number | null, wanted: (deadLetter: DeadLetter) => DeadLetter | null): Promise<ReadDeadLetters> {
    const kept = new Set<RecordId>();
    const deadLetters = this.stored
      .map(wanted)
      .filter((deadLetter) => deadLetter !== null)
      .filter((deadLetter) => !kept.has(idOf(deadLetter)) && kept.add(idOf(deadLetter)));
    this.mostHeld = Math.max(this.mostHeld, deadLetters.filter(({ value }) => value !== null).length);
    const companies = new Map(this.stored.map((deadLetter) => [idOf(deadLetter), 'acme']));
    return Promise.resolve({
      deadLetters,
      companies,
      mismatched: new Set(),
      attempts: attemptsOf(this.stored),
      incomplete: null,
    });
  }

  readAgain(deadLetters: readonly DeadLetter[]): Promise<readonly (InputEvent | string)[]> {
    return Promise.resolve(deadLetters.map(eventOf));
  }

  async afterwards(
    _letters: unknown,
    badRecords: ReadonlyMap<RecordId, unknown>,
    watched: ReadonlySet<string>,
    { originals, repairedNow = new Set() }: OfRepairAll,
  ): Promise<InputAfterwards> {
    originals?.take(0, this.input);
    const decode = (records: readonly LogRecord[]) => Promise.resolve(records.map(eventOf));
    const afterwards = new InputAfterwards(badRecords, watched, decode, { repairedNow });
    const records = this.sent.map(({ value, repairs }, i) => ({
      offset: 100_000 + i,
      timestamp: 0,
      key: KEY,
      value: Buffer.from(value),
      headers: repairs.map((id) => ({ key: 'repairs', value: Buffer.from(id) })),
    }));
    await afterwards.take(0, records);
    return afterwards;
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
  readonly input?: readonly LogRecord[];
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
  const { input = stored, print, ...typed } = run;
  const desk = new CountingDesk(stored, input);
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
