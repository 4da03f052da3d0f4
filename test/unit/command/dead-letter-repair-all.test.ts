/** `dead-letters repair --all` over more dead letters than memory may hold. */
import type { DeadLetterDesk } from '../../../src/command/dead-letter-desk.js';
import type { ReadDeadLetters } from '../../../src/command/dead-letter-collector.js';
import { portionsOf } from '../../../src/command/dead-letter-portions.js';
import { repairAll } from '../../../src/command/dead-letter-repair-all.js';
import type { Repairs } from '../../../src/command/dead-letter-repair.js';
import { InputAfterwards } from '../../../src/command/input-afterwards.js';
import { RepairAttempts, type RecordId } from '../../../src/command/repair-attempts.js';
import type { RepairSender } from '../../../src/command/repair-sender.js';
import type { InputEvent } from '../../../src/domain/events.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { RecordTo } from '../../../src/kafka/topics/record-sender.js';
import { type DeadLetter, idOf } from '../../../src/publish/dead-letter.js';

const PARTITIONS = 1;
const KEY = Buffer.from('acme');

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
  const attempts = new RepairAttempts();
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

/** A topic of dead letters in memory, which counts the dead letters that are kept with their values. */
class CountingDesk {
  readonly sent: { readonly value: string; readonly repairs: readonly string[] }[] = [];
  mostHeld = 0;

  constructor(private readonly stored: readonly DeadLetter[]) {}

  readAll(_sinceMs: number | null, wanted: (deadLetter: DeadLetter) => DeadLetter | null): Promise<ReadDeadLetters> {
    const deadLetters = this.stored.map(wanted).filter((deadLetter) => deadLetter !== null);
    this.mostHeld = Math.max(this.mostHeld, deadLetters.filter(({ value }) => value !== null).length);
    const companies = new Map(this.stored.map((deadLetter) => [idOf(deadLetter), 'acme']));
    return Promise.resolve({ deadLetters, companies, mismatched: new Set(), attempts: attemptsOf(this.stored) });
  }

  readAgain(deadLetters: readonly DeadLetter[]): Promise<readonly (InputEvent | string)[]> {
    return Promise.resolve(
      deadLetters.map(({ offset, timestamp, value }) =>
        String(value) === 'unreadable'
          ? 'undecodable'
          : { companyId: 'acme', clientId: 'c', offset, timestamp, repairs: [], payload: { kind: 'deleted' } as const },
      ),
    );
  }

  async afterwards(_letters: unknown, badRecords: ReadonlyMap<RecordId, unknown>): Promise<InputAfterwards> {
    const afterwards = new InputAfterwards(badRecords, new Set(), () => Promise.resolve([]));
    const records = this.sent.map(({ repairs }, i) => ({
      offset: 100_000 + i,
      timestamp: 0,
      key: KEY,
      value: null,
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

async function repaired(stored: readonly DeadLetter[]): Promise<{ desk: CountingDesk; lines: string[] }> {
  expect(partitionOfKey(KEY, PARTITIONS)).toBe(0);
  const desk = new CountingDesk(stored);
  const lines: string[] = [];
  const at: Partial<Repairs> = {
    desk: desk as unknown as DeadLetterDesk,
    sender: desk as unknown as RepairSender,
    print: (line) => void lines.push(line),
  };
  expect(await repairAll(at as Repairs, { code: null, since: null, force: false })).toBe(0);
  return { desk, lines };
}

test('all are sent again, each once and in order, and only a portion of them is in memory at a time', async () => {
  const stored = Array.from({ length: 2_500 }, (_, offset) => deadLetterAt(offset));
  const { desk, lines } = await repaired(stored);
  expect(desk.sent.map(({ value }) => Number(value))).toEqual(stored.map(({ offset }) => offset));
  expect(desk.mostHeld).toBe(1_000);
  expect(lines.at(-1)).toBe('2500 of 2500 dead letters without a repair were sent again');
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

test('a dead letter that cannot be read is not repaired, whichever portion it is in', async () => {
  const stored = Array.from({ length: 1_001 }, (_, offset) => deadLetterAt(offset));
  stored[1_000] = { ...deadLetterAt(1_000), value: Buffer.from('unreadable') };
  const { desk, lines } = await repaired(stored);
  expect(desk.sent).toHaveLength(1_000);
  expect(lines.filter((line) => line.includes(': not repaired'))).toEqual(['0/1000: not repaired: undecodable']);
  expect(lines.at(-1)).toBe('1000 of 1001 dead letters without a repair were sent again');
});
