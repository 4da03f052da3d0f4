import { PartitionReader } from '../../../src/kafka/log-reader.js';
import { RecordMemory } from '../../../src/kafka/record-memory.js';
import type { LogBatch } from '../../../src/pipeline/ports.js';
import { buildBatch } from './build-batch.js';

const AT = { topic: 't', partition: 0 };
const FETCH_BYTES = 1_000;
const EVENTS = { drained: () => undefined, ended: () => undefined };

/** A fetch of `count` records from `offset` on, with its offsets as keys and values; about 300 bytes for 10. */
function fetched(offset: number, count: number, value: string) {
  const records = Array.from({ length: count }, (_, i) => ({
    offset: offset + i,
    key: Buffer.from(String(offset + i)),
    value: Buffer.from(value),
  }));
  const bytes = buildBatch({ baseOffset: offset, lastOffset: offset + count - 1, records });
  return { ...AT, errorCode: 0, lastStableOffset: 1_000, logStartOffset: 0, abortedTransactions: [], records: bytes };
}

function readerOf(memory: RecordMemory | null = null): PartitionReader {
  return new PartitionReader(AT, 0, FETCH_BYTES, EVENTS, 'whole', memory);
}

const offsetsOf = (batch: LogBatch | null) => batch?.records.map(({ offset }) => offset) ?? null;
const valuesOf = ({ records }: LogBatch) => [...new Set(records.map(({ value }) => value?.toString()))];

test('take gives what had been fetched when next was answered, over several fetches, and nothing of later ones', async () => {
  const reader = readerOf();
  expect(reader.take(5)).toBeNull();
  reader.receive(fetched(0, 3, 'a'), true);
  reader.receive(fetched(3, 3, 'b'), true);
  expect(offsetsOf(await reader.next(2))).toEqual([0, 1]);
  reader.receive(fetched(6, 3, 'c'), true);
  const batch = reader.take(3);
  expect(offsetsOf(batch)).toEqual([2, 3, 4]);
  expect(batch).toMatchObject({ nextOffset: 5, endOffset: 1_000 });
  expect(offsetsOf(reader.take(0))).toBeNull();
  expect(offsetsOf(reader.take(9))).toEqual([5]);
  expect(reader.take(9)).toBeNull();
  expect(offsetsOf(await reader.next(9))).toEqual([6, 7, 8]);
});

test('what is taken leaves the one who waits without it: take gives nothing meanwhile', async () => {
  const reader = readerOf();
  const next = reader.next(9);
  expect(reader.take(9)).toBeNull();
  reader.receive(fetched(0, 2, 'a'), true);
  expect(offsetsOf(await next)).toEqual([0, 1]);
});

test('a failure waits for the next call, once all that was read before it is taken', async () => {
  const reader = readerOf();
  reader.receive(fetched(0, 2, 'a'), true);
  expect(offsetsOf(await reader.next(1))).toEqual([0]);
  reader.fail(new Error('gone'));
  expect(offsetsOf(reader.take(1))).toEqual([1]);
  expect(reader.take(1)).toBeNull();
  await expect(reader.next(1)).rejects.toThrow('gone');
});

test('records stay as they are until the next call of next, whatever is fetched and taken meanwhile', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 4));
  const values = ['one', 'two', 'three'];
  values.forEach((value, i) => reader.receive(fetched(i * 10, 10, value), true));
  const batches = [await reader.next(10), reader.take(10) as LogBatch];
  reader.receive(fetched(30, 10, 'four'), true);
  batches.push(reader.take(10) as LogBatch);
  reader.receive(fetched(40, 10, 'five'), true);
  expect(batches.flatMap(valuesOf)).toEqual(values);
});

test('memory of fetches that are read to their ends is used for the next ones', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 2));
  reader.receive(fetched(0, 10, 'one'), true);
  const first = await reader.next(10);
  reader.receive(fetched(10, 10, 'two'), true);
  const second = await reader.next(5);
  reader.receive(fetched(20, 10, 'six'), true);
  expect(valuesOf(first)).not.toEqual(['one']); // Nobody may look at it any more: this is how it shows.
  expect(valuesOf(second)).toEqual(['two']);
  const half = await reader.next(3);
  reader.receive(fetched(30, 10, 'ten'), true);
  expect([second, half].map(valuesOf)).toEqual([['two'], ['two']]);
});

test('without memory of its own records are good for as long as they are held', async () => {
  const reader = readerOf();
  const batches: LogBatch[] = [];
  for (let i = 0; i < 5; i++) {
    reader.receive(fetched(i * 10, 10, `value ${i}`), true);
    batches.push(await reader.next(10));
  }
  expect(batches.flatMap(valuesOf)).toEqual(['value 0', 'value 1', 'value 2', 'value 3', 'value 4']);
});
