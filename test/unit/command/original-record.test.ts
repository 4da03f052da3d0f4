/** Whether a dead letter is a copy of the input record that it names. Any client may have written the dead letter. */
import { originalOf, Originals, recordAt } from '../../../src/command/original-record.js';
import type { Header, LogRecord } from '../../../src/lib/record.js';
import type { Logs, LogReader } from '../../../src/pipeline/ports.js';
import type { DeadLetter } from '../../../src/publish/dead-letter.js';

const header = (key: string, value: string | null): Header => ({
  key,
  value: value === null ? null : Buffer.from(value),
});
const RECORD: LogRecord = {
  offset: 5,
  timestamp: 0,
  key: Buffer.from('acme'),
  value: Buffer.from('v'),
  headers: [header('repairs', '0/1'), header('repairs', '0/2')],
};

/** Compares with a record that was read before the dead letter. */
function asReadBefore(deadLetter: LogRecord, record: LogRecord) {
  const originals = new Originals(new Set(['0/5']));
  originals.take(0, [record]);
  return originals.of({ ...deadLetter, partition: 0 } as unknown as DeadLetter);
}

test.each<[string, Partial<LogRecord>]>([
  ['a byte of the value at the end of the key', { key: Buffer.from('acmev'), value: Buffer.alloc(0) }],
  ['another key', { key: Buffer.from('victim') }],
  ['no key', { key: null }],
  ['another value', { value: Buffer.from('w') }],
  ['an empty key instead of none', { key: Buffer.alloc(0) }],
  ['no value', { value: null }],
  ['one more repair', { headers: [...RECORD.headers, header('repairs', '0/3')] }],
  ['one repair less', { headers: RECORD.headers.slice(1) }],
  ['another repair', { headers: [header('repairs', '0/1'), header('repairs', '0/7')] }],
])('a dead letter with %s is not a copy', (_what, changed) => {
  expect(originalOf({ ...RECORD, ...changed }, RECORD)).toBe('differs');
  expect(asReadBefore({ ...RECORD, ...changed }, RECORD)).toBe('differs');
});

test('a dead letter with the same bytes is a copy; headers that change no company do not matter', () => {
  const traced = { ...RECORD, headers: [header('traceparent', 'x'), ...RECORD.headers] };
  expect([originalOf(traced, RECORD), asReadBefore(traced, RECORD)]).toEqual(['same', 'same']);
  expect(originalOf({ key: null, value: null, headers: [] }, { key: null, value: null, headers: [] })).toBe('same');
  expect(originalOf(RECORD, null)).toBe('gone');
});

test('a record that was not read is gone', () => {
  const of = (partition: number, offset: number) => ({ ...RECORD, partition, offset }) as unknown as DeadLetter;
  const originals = new Originals(new Set(['0/5', '0/6', '1/5']));
  originals.take(0, [RECORD, { ...RECORD, offset: 6, value: null }]);
  expect([of(0, 5), of(0, 6), of(1, 5)].map((deadLetter) => originals.of(deadLetter))).toEqual([
    'same',
    'differs',
    'gone',
  ]);
});

describe('the record at an offset', () => {
  /** A log of these offsets, one record for each read. */
  function logOf(offsets: readonly number[], { start, end }: { start: number; end: number }) {
    const read: number[] = [];
    const logs = {
      bounds: () => Promise.resolve({ start, end }),
      reader: (_at: unknown, from: number) => {
        let position = from;
        const reader: Partial<LogReader> = {
          next: () => {
            read.push(position);
            const offset = offsets.find((one) => one >= position) ?? end;
            position = offset + 1;
            const records = offset < end ? [{ ...RECORD, offset }] : [];
            return Promise.resolve({ records, nextOffset: position }) as unknown as ReturnType<LogReader['next']>;
          },
          close: () => undefined,
        };
        return reader as LogReader;
      },
    };
    return { logs: logs as unknown as Pick<Logs, 'bounds' | 'reader'>, read };
  }
  const AT = { topic: 'sync-events', partition: 0 };

  test('is read, and no other', async () => {
    const { logs, read } = logOf([3, 5, 6], { start: 3, end: 7 });
    expect(await recordAt(logs, AT, 5)).toEqual(RECORD);
    expect(read).toEqual([5]);
  });

  test.each([
    ['below the start of the log', 2],
    ['beyond its end', 7],
    ['of a transaction that was aborted', 4],
  ])('is null for an offset %s', async (_where, offset) => {
    const { logs } = logOf([3, 5, 6], { start: 3, end: 7 });
    expect(await recordAt(logs, AT, offset)).toBeNull();
  });
});
