/** A few records from all parts of the input, whatever is in between. */
import type { LogRecord, TopicPartition } from '../../../src/lib/record.js';
import { ReaderClosedError, UnreadableBatchError } from '../../../src/pipeline/errors.js';
import type { Logs } from '../../../src/pipeline/ports.js';
import { MAX_PLACES, sampleSchemaIds } from '../../../src/pipeline/sampled-schemas.js';
import { ManualClock } from '../../support/manual-clock.js';
import { framed } from '../decode/sync-events.js';

/**
 * The content of each partition at an offset: a schema id, a record without an id, nothing, or a record that cannot be
 * read.
 */
type Log = readonly (number | 'unframed' | 'nothing' | 'unreadable' | 'hangs')[];

let opened: (TopicPartition & { readonly from: number })[] = [];
beforeEach(() => (opened = []));

function logsOf(partitions: readonly Log[]): Pick<Logs, 'bounds' | 'reader'> {
  const logOf = ({ partition }: TopicPartition) => partitions[partition] as Log;
  const bounds = (partition: TopicPartition) => Promise.resolve({ start: 0, end: logOf(partition).length });
  const reader = (partition: TopicPartition, from: number) => {
    opened.push({ ...partition, from });
    let position = from;
    let close: () => void = () => undefined;
    const next = (count: number) => {
      expect(count).toBe(1);
      const one = logOf(partition)[position];
      if (one === 'unreadable')
        return Promise.reject(
          new UnreadableBatchError(partition, { firstOffset: position, nextOffset: position + 1, why: 'damaged' }, ''),
        );
      if (one === 'hangs')
        return new Promise((_, reject) => {
          close = () => reject(new ReaderClosedError());
        });
      const value = typeof one === 'number' ? framed(one, Buffer.alloc(1)) : Buffer.from('?');
      const record: LogRecord = { offset: position, timestamp: 0, key: null, value, headers: [] };
      return Promise.resolve({ records: one === 'nothing' ? [] : [record], nextOffset: ++position });
    };
    return { next, close: () => close() };
  };
  return { bounds, reader } as unknown as Pick<Logs, 'bounds' | 'reader'>;
}

function sample(partitions: readonly Log[], clock = new ManualClock()): Promise<ReadonlyMap<number, number>> {
  return sampleSchemaIds({ logs: logsOf(partitions), topic: 't', partitions: partitions.length, clock });
}

test('finds the ids of other producers despite very many records of one', async () => {
  const flood = Array<number>(50_000).fill(666);
  const found = await sample([[...Array<number>(3_000).fill(7), ...flood], flood]);
  expect(found).toEqual(
    new Map([
      [7, 2],
      [666, 46],
    ]),
  );
});

test.each([1, 12, 48, 1_000])('reads at no more than 48 places of %d partitions', async (count) => {
  const ids = await sample(Array.from({ length: count }, (_, partition) => Array<number>(100).fill(partition + 1)));
  expect(opened.length).toBe(MAX_PLACES);
  expect(ids.size).toBe(Math.min(count, MAX_PLACES));
});

test('skips records without an id or that cannot be read, and empty partitions', async () => {
  expect(await sample([['unframed', 'unframed'], ['unreadable', 5], [], ['nothing', 'nothing', 9]])).toEqual(
    new Map([
      [5, 6],
      [9, 12],
    ]),
  );
});

test('waits for missing answers no longer than 10 s', async () => {
  const clock = new ManualClock();
  const found = sample([Array<number>(48).fill(3), ['hangs'], ['hangs'], ['hangs'], ['hangs']], clock);
  while (opened.length < 12) await new Promise(setImmediate);
  clock.advance(10_000);
  expect([...(await found).keys()]).toEqual([3]);
});

test('asks nothing more after 10 s', async () => {
  const clock = new ManualClock();
  const asked: number[] = [];
  const answers: (() => void)[] = [];
  const bounds = ({ partition }: TopicPartition) => {
    asked.push(partition);
    return new Promise<never>((_, reject) => answers.push(() => reject(new Error('no answer'))));
  };
  const logs = { ...logsOf([]), bounds };
  const found = sampleSchemaIds({ logs, topic: 't', partitions: 48, clock });
  clock.advance(10_000);
  expect(await found).toEqual(new Map());
  for (const answer of answers) answer();
  await new Promise(setImmediate);
  expect(asked).toHaveLength(4);
});
