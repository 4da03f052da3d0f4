import { PartitionReader } from '../../../src/kafka/log-reader.js';
import { RecordMemory } from '../../../src/kafka/record-memory.js';
import type { LogBatch } from '../../../src/pipeline/ports.js';
import { buildBatch } from './build-batch.js';

const AT = { topic: 't', partition: 0 };
const FETCH_BYTES = 1_000;
const EVENTS = { drained: () => undefined, ended: () => undefined };

/** A fetch of `count` records from `offset` on, with its offsets as keys and values; about 600 bytes for 40. */
function fetched(offset: number, count: number, value: string) {
  const records = Array.from({ length: count }, (_, i) => ({
    offset: offset + i,
    key: Buffer.from(String(offset + i)),
    value: Buffer.from(value),
  }));
  const bytes = buildBatch({ baseOffset: offset, lastOffset: offset + count - 1, records });
  return { ...AT, errorCode: 0, lastStableOffset: 1_000, logStartOffset: 0, abortedTransactions: [], records: bytes };
}

/** Of the leader. */
const EPOCH = 4;

function readerOf(memory: RecordMemory | null = null): PartitionReader {
  return new PartitionReader(AT, 0, FETCH_BYTES, EVENTS, 'whole', memory);
}

const offsetsOf = ({ records }: LogBatch) => records.map(({ offset }) => offset);
const valuesOf = ({ records }: LogBatch) => [...new Set(records.map(({ value }) => value?.toString()))];

test('a failure waits for the next call, once all that was read before it is given', async () => {
  const reader = readerOf();
  reader.receive(fetched(0, 2, 'a'), true, EPOCH);
  reader.fail(new Error('gone'));
  expect(offsetsOf(await reader.next(1))).toEqual([0]);
  expect(offsetsOf(await reader.next(1))).toEqual([1]);
  await expect(reader.next(1)).rejects.toThrow('gone');
});

test('records stay as they are until the next call of next, whatever is fetched meanwhile', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 4));
  const values = ['one', 'two', 'three'];
  values.forEach((value, i) => reader.receive(fetched(i * 40, 40, value), true, EPOCH));
  const batch = await reader.next(120);
  reader.receive(fetched(120, 40, 'four'), true, EPOCH);
  reader.receive(fetched(160, 40, 'five'), true, EPOCH);
  expect(valuesOf(batch)).toEqual(values);
});

test('memory of fetches that are read to their ends is used for the next ones', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 2));
  reader.receive(fetched(0, 40, 'one'), true, EPOCH);
  const first = await reader.next(40);
  reader.receive(fetched(40, 40, 'two'), true, EPOCH);
  const second = await reader.next(20);
  reader.receive(fetched(80, 40, 'six'), true, EPOCH);
  expect(valuesOf(first)).not.toEqual(['one']); // Nobody may look at it any more: this is how it shows.
  expect(valuesOf(second)).toEqual(['two']);
  const half = await reader.next(10);
  reader.receive(fetched(120, 40, 'ten'), true, EPOCH);
  expect([second, half].map(valuesOf)).toEqual([['two'], ['two']]);
});

test('without memory of its own records are good for as long as they are held', async () => {
  const reader = readerOf();
  const batches: LogBatch[] = [];
  for (let i = 0; i < 5; i++) {
    reader.receive(fetched(i * 10, 10, `value ${i}`), true, EPOCH);
    batches.push(await reader.next(10));
  }
  expect(batches.flatMap(valuesOf)).toEqual(['value 0', 'value 1', 'value 2', 'value 3', 'value 4']);
});
