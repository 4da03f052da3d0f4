import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../../../../src/lib/clock.js';
import { LARGE_BATCH_BYTES } from '../../../../src/kafka/protocol/large-records.js';
import { LargeBatches } from '../../../../src/kafka/reading/large-batches.js';
import { PartitionReader } from '../../../../src/kafka/reading/log-reader.js';
import type { ReadingTerms } from '../../../../src/kafka/reading/reading-terms.js';
import { RecordMemory } from '../../../../src/kafka/reading/record-memory.js';
import type { LogBatch } from '../../../../src/pipeline/ports.js';
import { buildBatch } from '../protocol/build-batch.js';
import { ReaderClosedError, UnreadableBatchError } from '../../../../src/pipeline/errors.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { READING_TERMS } from './reading-terms.js';

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
  return new PartitionReader(AT, 0, EVENTS, { ...READING_TERMS, maxPartitionBytes: FETCH_BYTES, memory });
}

const offsetsOf = ({ records }: LogBatch) => records.map(({ offset }) => offset);
const valuesOf = ({ records }: LogBatch) => [...new Set(records.map(({ value }) => value?.toString()))];

test('a failure is thrown by the next call, after all records before it were returned', async () => {
  const reader = readerOf();
  reader.receive(fetched(0, 2, 'a'), true, EPOCH);
  reader.fail(new Error('gone'));
  expect(offsetsOf(await reader.next(1))).toEqual([0]);
  expect(offsetsOf(await reader.next(1))).toEqual([1]);
  await expect(reader.next(1)).rejects.toThrow('gone');
});

test('records are valid until the next call of next, whatever is fetched meanwhile', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 4));
  const values = ['one', 'two', 'three'];
  values.forEach((value, i) => reader.receive(fetched(i * 40, 40, value), true, EPOCH));
  const batch = await reader.next(120);
  reader.receive(fetched(120, 40, 'four'), true, EPOCH);
  reader.receive(fetched(160, 40, 'five'), true, EPOCH);
  expect(valuesOf(batch)).toEqual(values);
});

test('memory of fetches that are read to their ends is reused', async () => {
  const reader = readerOf(new RecordMemory(FETCH_BYTES, 2));
  reader.receive(fetched(0, 40, 'one'), true, EPOCH);
  const first = await reader.next(40);
  reader.receive(fetched(40, 40, 'two'), true, EPOCH);
  const second = await reader.next(20);
  reader.receive(fetched(80, 40, 'six'), true, EPOCH);
  expect(valuesOf(first)).not.toEqual(['one']); // Nobody may use this memory any more: an overwrite would show that.
  expect(valuesOf(second)).toEqual(['two']);
  const half = await reader.next(10);
  reader.receive(fetched(120, 40, 'ten'), true, EPOCH);
  expect([second, half].map(valuesOf)).toEqual([['two'], ['two']]);
});

describe('a reader that is asked to gather records', () => {
  const clock = new ManualClock();
  const GATHER_MS = 10_000;
  const maxPartitionBytes = 3_000;
  const readerAtEnd = () => new PartitionReader(AT, 0, EVENTS, { ...READING_TERMS, maxPartitionBytes, clock });
  /** An answer that reaches the end of the log. */
  const last = (offset: number, count: number) => ({
    ...fetched(offset, count, 'a'),
    lastStableOffset: offset + count,
  });
  const settled = async (next: Promise<LogBatch>): Promise<number[] | 'waits'> => {
    const waits = turn().then(() => 'waits' as const);
    return Promise.race([next.then(offsetsOf), waits]);
  };

  test('returns all that came in that time', async () => {
    const reader = readerAtEnd();
    reader.receive(last(0, 1), true, EPOCH);
    const next = reader.next(10, GATHER_MS);
    expect(await settled(next)).toBe('waits');
    clock.advance(GATHER_MS - 1);
    reader.receive(last(1, 2), true, EPOCH);
    expect(await settled(next)).toBe('waits');
    clock.advance(1);
    expect(await settled(next)).toEqual([0, 1, 2]);
  });

  test('returns the first records at once if the time is over before they come', async () => {
    const reader = readerAtEnd();
    const next = reader.next(10, GATHER_MS);
    clock.advance(GATHER_MS);
    expect(await settled(next)).toBe('waits');
    reader.receive(last(0, 1), true, EPOCH);
    expect(await settled(next)).toEqual([0]);
  });

  test('returns records at once if they are as many as wanted', async () => {
    const reader = readerAtEnd();
    const next = reader.next(3, GATHER_MS);
    reader.receive(last(0, 2), true, EPOCH);
    expect(await settled(next)).toBe('waits');
    reader.receive(last(2, 2), true, EPOCH);
    expect(await settled(next)).toEqual([0, 1, 2]);
  });

  test('returns records at once if it has no room for more', async () => {
    const reader = readerAtEnd();
    const next = reader.next(1_000, GATHER_MS);
    reader.receive(last(0, 80), true, EPOCH);
    expect(await settled(next)).toBe('waits');
    reader.receive(last(80, 80), true, EPOCH);
    expect(await settled(next)).toHaveLength(160);
  });

  test('returns records at once if the log has more than was fetched', async () => {
    const reader = readerAtEnd();
    reader.receive(fetched(0, 1, 'a'), true, EPOCH);
    expect(await settled(reader.next(10, GATHER_MS))).toEqual([0]);
  });

  test('ends at once if it is closed or fails', async () => {
    for (const error of [null, new Error('gone')]) {
      const reader = readerAtEnd();
      reader.receive(last(0, 1), true, EPOCH);
      const next = reader.next(10, GATHER_MS);
      if (error === null) reader.close();
      else reader.fail(error);
      if (error === null) await expect(settled(next)).rejects.toThrow(ReaderClosedError);
      else expect(await settled(next)).toEqual([0]);
    }
  });

  test('leaves no timer behind, whatever ended the wait', async () => {
    const ends: ((reader: PartitionReader) => void)[] = [
      (reader) => reader.close(),
      (reader) => reader.receive(last(0, 10), true, EPOCH),
    ];
    for (const end of ends) {
      const pending = new Set<unknown>();
      const counting: Clock = {
        now: () => clock.now(),
        delay: (ms, signal) => {
          pending.add(signal);
          return clock.delay(ms, signal).finally(() => pending.delete(signal));
        },
      };
      const reader = new PartitionReader(AT, 0, EVENTS, { ...READING_TERMS, clock: counting });
      const next = reader.next(10, GATHER_MS).catch(() => undefined);
      expect(pending.size).toBe(1);
      end(reader);
      await next;
      await turn();
      expect(pending.size).toBe(0);
    }
  });
});

test('without record memory, records are valid for as long as they are kept', async () => {
  const reader = readerOf();
  const batches: LogBatch[] = [];
  for (let i = 0; i < 5; i++) {
    reader.receive(fetched(i * 10, 10, `value ${i}`), true, EPOCH);
    batches.push(await reader.next(10));
  }
  expect(batches.flatMap(valuesOf)).toEqual(['value 0', 'value 1', 'value 2', 'value 3', 'value 4']);
});

const KIB = 1024;
const MIB = 1024 * KIB;
/** This many records of 1 KiB are a large batch. */
const LARGE_RECORDS = 3 * KIB;
const HUGE_BYTES = 3 * MIB;

/** A fetch of one batch of gzip from `offset` on, of this many records with values of this many bytes. */
function compressed(offset: number, count: number, valueBytes: number) {
  const records = Array.from({ length: count }, (_, i) => ({
    offset: offset + i,
    key: null,
    value: Buffer.alloc(valueBytes, i),
  }));
  const plain = buildBatch({ baseOffset: offset, lastOffset: offset + count - 1, records });
  const body = gzipSync(plain.subarray(61), { level: 1 });
  const bytes = buildBatch({ baseOffset: offset, lastOffset: offset + count - 1, records, body, codec: 1 });
  return { ...AT, errorCode: 0, lastStableOffset: offset + count, abortedTransactions: [], records: bytes };
}

function readerWith(terms: Partial<ReadingTerms>): PartitionReader {
  return new PartitionReader(AT, 0, EVENTS, { ...READING_TERMS, ...terms });
}

async function readAll(reader: PartitionReader, end: number): Promise<LogBatch['records']> {
  const records: LogBatch['records'] = [];
  for (let position = 0; position < end;) {
    const batch = await reader.next(10_000);
    records.push(...batch.records);
    position = batch.nextOffset;
  }
  return records;
}

test('the result of one call is limited by decompressed bytes, however well they are compressed', async () => {
  // Opening a batch that is not large counts too: 8 bytes for each byte of gzip.
  for (const [count, least] of [
    [1_000, 60],
    [LARGE_RECORDS, 140],
  ] as const) {
    const reader = readerWith({ maxPartitionBytes: 100 * KIB });
    reader.receive(compressed(0, count, KIB), true, EPOCH);
    const first = await reader.next(10_000);
    expect(first.records.length).toBeGreaterThan(least);
    expect(first.records.length).toBeLessThanOrEqual(150);
    const rest = await readAll(reader, count);
    expect(offsetsOf({ ...first, records: [...first.records, ...rest] })).toEqual([...Array(count).keys()]);
    expect(rest.every(({ offset, value }) => value?.equals(Buffer.alloc(KIB, offset)))).toBe(true);
  }
});

test('returned records of a large batch do not keep the rest of it in memory', async () => {
  const reader = readerWith({ maxPartitionBytes: 100 * KIB });
  reader.receive(compressed(0, LARGE_RECORDS, KIB), true, EPOCH);
  const { records } = await reader.next(10);
  expect(records).toHaveLength(10);
  expect(Math.max(...records.map(({ value }) => value?.buffer.byteLength ?? 0))).toBe(LARGE_BATCH_BYTES);
  reader.close();
});

test('large batches are opened in turn, and exceed the budget by at most one batch', async () => {
  const large = new LargeBatches(new ManualClock(), 5 * MIB);
  const readers = Array.from({ length: 5 }, () => readerWith({ large }));
  for (const reader of readers) reader.receive(compressed(0, LARGE_RECORDS, KIB), true, EPOCH);
  const opened: number[] = [];
  const firsts = readers.map((reader, i) => reader.next(1).finally(() => opened.push(i)));
  await Promise.all(firsts.slice(0, 2));
  for (let i = 0; i < 50; i++) await turn();
  expect(opened).toEqual([0, 1]);
  expect(large.heldBytes).toBeGreaterThan(5 * MIB);
  expect(large.heldBytes).toBeLessThan(9 * MIB);
  const rest = await Promise.all(readers.map(async (reader, i) => (await firsts[i]!, readAll(reader, LARGE_RECORDS))));
  expect(rest.map(({ length }) => length)).toEqual(Array(5).fill(LARGE_RECORDS - 1));
  expect(large.heldBytes).toBe(0);
});

test('the large batch of an idle reader is closed for the others, and the reader continues later', async () => {
  const clock = new ManualClock();
  const large = new LargeBatches(clock, MIB);
  const [stuck, other] = [readerWith({ large }), readerWith({ large })];
  for (const reader of [stuck, other]) reader.receive(compressed(0, LARGE_RECORDS, KIB), true, EPOCH);
  const first = await stuck.next(1_000);
  let isRead = false;
  const reading = readAll(other, LARGE_RECORDS).then((records) => {
    isRead = true;
    return records;
  });
  for (let seconds = 0; seconds < 9; seconds++, clock.advance(1_000)) await turn();
  expect(isRead).toBe(false);
  // No further than that: decompressing takes real time, and a batch that takes a minute is given up.
  for (let seconds = 9; seconds < 12; seconds++, clock.advance(1_000)) await turn();
  expect((await reading).length).toBe(LARGE_RECORDS);
  expect(first.records.every(({ offset, value }) => value?.equals(Buffer.alloc(KIB, offset)))).toBe(true);
  expect((await readAll(stuck, LARGE_RECORDS)).map(({ offset }) => offset)[0]).toBe(1_000);
});

test('one huge record is in memory at a time, until its reader asks for more', async () => {
  const large = new LargeBatches(new ManualClock());
  const readers = Array.from({ length: 4 }, () => readerWith({ large }));
  for (const reader of readers) reader.receive(compressed(0, 2, HUGE_BYTES), true, EPOCH);
  const all = readers.map((reader) => reader.next(10));
  const read: number[] = [];
  all.forEach((next, i) => void next.then(() => read.push(i)));
  for (let i = 0; i < readers.length; i++) {
    expect(offsetsOf(await all[i]!)).toEqual([0]);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(read).toEqual([...Array(i + 1).keys()]);
    expect(large.heldBytes).toBeLessThan(4 * 3 * MIB + HUGE_BYTES);
    // Its next record is huge too, so it waits in line behind the others.
    void readers[i]!.next(10).catch(() => undefined);
  }
  for (const reader of readers) reader.close();
  expect(large.heldBytes).toBe(0);
});

test('a reader that is closed while it waits passes its turn to the next one', async () => {
  const large = new LargeBatches(new ManualClock(), MIB);
  const readers = Array.from({ length: 4 }, () => readerWith({ large }));
  for (const reader of readers) reader.receive(compressed(0, LARGE_RECORDS, KIB), true, EPOCH);
  const [holding, waiting, opening, last] = readers as [
    PartitionReader,
    PartitionReader,
    PartitionReader,
    PartitionReader,
  ];
  await holding.next(1);
  const left = [waiting.next(1), opening.next(1)].map((next) => next.catch((error: unknown) => (error as Error).name));
  const next = last.next(1);
  waiting.close();
  holding.close();
  opening.close();
  expect(offsetsOf(await next)).toEqual([0]);
  expect(await Promise.all(left)).toEqual(['ReaderClosedError', 'ReaderClosedError']);
  last.close();
  expect(large.heldBytes).toBe(0);
});

describe('a batch that cannot be read', () => {
  const wrong = (answer: ReturnType<typeof compressed>) => {
    answer.records[80]! ^= 1;
    return answer;
  };

  test('ends the reader after the records before it, with topic, offsets and the remedy', async () => {
    const reader = readerWith({});
    const good = fetched(0, 3, 'a').records;
    const bad = wrong(compressed(3, 2, 50)).records;
    const next = fetched(5, 1, 'b').records;
    reader.receive({ ...fetched(0, 1, ''), records: Buffer.concat([good, bad, next]) }, true, EPOCH);
    const before = await reader.next(10);
    // The epoch is committed with their offset. Without it, the offset would count as set by an operator.
    expect([offsetsOf(before), before.leaderEpoch]).toEqual([[0, 1, 2], EPOCH]);
    const error = await reader.next(10).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnreadableBatchError);
    expect(error).toMatchObject({ log: AT, firstOffset: 3, nextOffset: 5 });
    expect((error as Error).message).toMatch(
      /batch of t\/0 at offsets 3 to 4 cannot be read: its checksum.* read on at 5/,
    );
    expect(reader.wantsMore).toBe(false);
  });

  test("offers no offset to skip to until an intact batch follows: then that batch's offset, however far the log grows", async () => {
    for (const lastStableOffset of [2, 5, 900]) {
      const damaged = compressed(0, 2, 50).records;
      damaged.writeInt32BE(500, 23); // Claims to end at offset 500.
      const alone = readerWith({});
      alone.receive({ ...fetched(0, 1, ''), lastStableOffset, records: damaged }, true, EPOCH);
      const error = await alone.next(10).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ firstOffset: 0, nextOffset: null });
      expect((error as Error).message).toMatch(/from offset 0 on cannot be read.* another replica the leader/);

      const followed = readerWith({});
      const records = Buffer.concat([damaged, fetched(2, 3, 'b').records]);
      followed.receive({ ...fetched(0, 1, ''), lastStableOffset, records }, true, EPOCH);
      await expect(followed.next(10)).rejects.toMatchObject({ firstOffset: 0, nextOffset: 2 });
    }
  });

  test('is reported before a later broken batch that was seen earlier', async () => {
    const reader = readerWith({});
    reader.receive(wrong(compressed(0, 2, 50)), true, EPOCH);
    const shorter = fetched(2, 3, 'b');
    shorter.records.writeInt32BE(-5, 8);
    reader.receive(shorter, true, EPOCH);
    await expect(reader.next(10)).rejects.toMatchObject({ firstOffset: 0, nextOffset: null });
  });

  test('may also be a batch that never comes whole: it is not fetched again and again', async () => {
    const reader = readerWith({});
    const answer = fetched(0, 3, 'a');
    answer.records.writeInt32BE(1_000_000, 8);
    reader.receive(answer, true, EPOCH);
    const error: unknown = await Promise.race([reader.next(10).catch((thrown: unknown) => thrown), turn()]);
    expect(error).toBeInstanceOf(UnreadableBatchError);
    expect(error).toMatchObject({ firstOffset: 0, nextOffset: null });
    expect((error as Error).message).toContain('claims to be 1000012 bytes long');
  });

  test('may decompress to more than MAX_BATCH_BYTES, whether it is small or large', async () => {
    for (const maxBatchBytes of [64 * KIB, 3 * MIB]) {
      const reader = readerWith({ maxBatchBytes });
      reader.receive(compressed(0, 4, MIB), true, EPOCH);
      await expect(reader.next(10)).rejects.toThrow(`hold more than MAX_BATCH_BYTES, which is ${maxBatchBytes}`);
    }
  });
});
