import fc from 'fast-check';
import type { AbortedTransaction } from '../../../../src/kafka/protocol/fetch-shared.js';
import { FetchedRecords } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import { NO_HEADERS, type LogRecord } from '../../../../src/lib/record.js';
import { MAX_SEARCHED_BYTES, BrokenBatchError } from '../../../../src/kafka/protocol/record-batch-header.js';
import { buildBatch, buildMarker, withChecksum, type BatchRecord, type BatchToBuild } from './build-batch.js';

const record = (offset: number, more: Partial<BatchRecord> = {}): BatchRecord => ({
  offset,
  key: Buffer.from(`k${offset}`),
  value: Buffer.from(`v${offset}`),
  ...more,
});
const batchOf = (from: number, to: number, more: Partial<BatchToBuild> = {}): Buffer =>
  buildBatch({
    baseOffset: from,
    lastOffset: to,
    records: Array.from({ length: to - from + 1 }, (_, i) => record(from + i)),
    ...more,
  });
const readAll = (bytes: Buffer, aborted: readonly AbortedTransaction[] = [], from = 0): LogRecord[] => {
  const records: LogRecord[] = [];
  new FetchedRecords(bytes, aborted, from).read(records, Infinity);
  return records;
};
const offsetsOf = (records: readonly LogRecord[]): number[] => records.map(({ offset }) => offset);

describe('records', () => {
  it('have key, value and headers as written, including nulls and repetitions', () => {
    const bytes = buildBatch({
      baseOffset: 7,
      lastOffset: 9,
      baseTimestamp: 1_700_000_000_000,
      records: [
        record(7, { key: null, value: Buffer.alloc(0), timestamp: 1_700_000_000_000 }),
        record(8, { value: null, timestamp: 1_699_999_000_123 }),
        record(9, {
          timestamp: 2_000_000_000_000,
          headers: [
            ['h', Buffer.from('1')],
            ['h', null],
            ['', Buffer.from([0xff])],
          ],
        }),
      ],
    });
    expect(readAll(bytes)).toEqual([
      { offset: 7, timestamp: 1_700_000_000_000, key: null, value: Buffer.alloc(0), headers: [] },
      { offset: 8, timestamp: 1_699_999_000_123, key: Buffer.from('k8'), value: null, headers: [] },
      {
        offset: 9,
        timestamp: 2_000_000_000_000,
        key: Buffer.from('k9'),
        value: Buffer.from('v9'),
        headers: [
          { key: 'h', value: Buffer.from('1') },
          { key: 'h', value: null },
          { key: '', value: Buffer.from([0xff]) },
        ],
      },
    ]);
  });

  const manyHeaders = (offset: number, count: number) =>
    record(offset, { headers: Array.from({ length: count }, () => ['', null] as const) });

  it('with many tiny headers are returned a few at a time: each header takes a hundred times its bytes in memory', () => {
    const records = Array.from({ length: 20 }, (_, offset) => manyHeaders(offset, 10_000));
    const fetched = new FetchedRecords(buildBatch({ baseOffset: 0, lastOffset: 19, records }), [], 0);
    const read: LogRecord[] = [];
    for (let before = 0; !fetched.exhausted; before = read.length) {
      fetched.read(read, Infinity, 2_000_000);
      expect(read.length - before).toBeLessThanOrEqual(2);
    }
    expect(offsetsOf(read)).toEqual(records.map(({ offset }) => offset));
  });

  it('with more headers than the limit are not read', () => {
    const bytes = buildBatch({ baseOffset: 0, lastOffset: 0, records: [manyHeaders(0, 1_000_001)] });
    expect(() => readAll(bytes)).toThrow('1000001 headers, more than 1000000');
  });

  it('without headers share one empty list', () => {
    expect(readAll(batchOf(0, 0))[0]!.headers).toBe(NO_HEADERS);
  });

  it('have the time of appending if the topic is set so', () => {
    const bytes = batchOf(0, 1, { logAppendTime: true, baseTimestamp: 5, maxTimestamp: 1_700_000_000_000 });
    expect(readAll(bytes).map(({ timestamp }) => timestamp)).toEqual([1_700_000_000_000, 1_700_000_000_000]);
  });

  it("with timestamps beyond the store's range get the nearest timestamp in it", () => {
    const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
    const largest = 2 ** 52 - 1;
    const stamped = (...timestamps: (number | bigint)[]): number[] => {
      const records = timestamps.map((timestamp, offset) => record(offset, { timestamp }));
      const baseTimestamp = timestamps[0]!;
      const batch = { baseOffset: 0, lastOffset: timestamps.length - 1, baseTimestamp, records };
      const appended = { ...batch, logAppendTime: true, maxTimestamp: baseTimestamp };
      expect(readAll(buildBatch(appended))[0]!.timestamp).toBe(readAll(buildBatch(batch))[0]!.timestamp);
      return readAll(buildBatch(batch)).map(({ timestamp }) => timestamp);
    };
    expect(stamped(1_700_000_000_000_000_000n, 1_700_000_000_000_000_001n)).toEqual([largest, largest]);
    expect(stamped(0, most, least)).toEqual([0, largest, -largest]);
    expect(stamped(most)).toEqual([largest]);
    expect(stamped(least)).toEqual([-largest]);
    expect(stamped(-1, -2, largest, -largest)).toEqual([-1, -2, largest, -largest]);
  });

  it('of every size of length are read', () => {
    for (const size of [0, 63, 64, 8_191, 8_192, 1_048_575, 1_048_576]) {
      const value = Buffer.alloc(size, 7);
      const records = [record(0, { value }), record(1)];
      expect(readAll(buildBatch({ baseOffset: 0, lastOffset: 1, records })).map((r) => r.value?.length)).toEqual([
        size,
        2,
      ]);
    }
  });
});

describe('the position', () => {
  it('moves over an empty batch, a marker and an aborted batch', () => {
    const empty = buildBatch({ baseOffset: 0, lastOffset: 9, records: [] });
    const aborted = batchOf(11, 12, { producerId: 5, transactional: true });
    const bytes = Buffer.concat([empty, buildMarker(10, 4, 'commit'), aborted, buildMarker(13, 5, 'abort')]);
    const fetched = new FetchedRecords(bytes, [{ producerId: 5n, firstOffset: 11 }], 0);
    const records: LogRecord[] = [];
    fetched.read(records, 100);
    expect(records).toEqual([]);
    expect([fetched.position, fetched.end, fetched.exhausted]).toEqual([14, 14, true]);
  });

  it('is after the whole batch once its last record is read, also if compaction removed its end', () => {
    const fetched = new FetchedRecords(
      buildBatch({ baseOffset: 0, lastOffset: 9, records: [record(2), record(4)] }),
      [],
      0,
    );
    const first: LogRecord[] = [];
    fetched.read(first, 1);
    expect([offsetsOf(first), fetched.position]).toEqual([[2], 3]);
    const second: LogRecord[] = [];
    fetched.read(second, 1);
    expect([offsetsOf(second), fetched.position, fetched.exhausted]).toEqual([[4], 10, true]);
  });

  it('stays if only a part of a batch came', () => {
    const fetched = new FetchedRecords(batchOf(3, 9).subarray(0, 80), [], 3);
    expect([fetched.position, fetched.end, fetched.exhausted, fetched.remainingBytes]).toEqual([3, 3, true, 0]);
  });
});

it('batches that do not reach the position count as broken: otherwise they would be fetched again and again', () => {
  expect(new FetchedRecords(batchOf(0, 4), [], 5).broken).toMatchObject({ firstOffset: 5, nextOffset: null });
});

it('drops the records of a batch below the position', () => {
  expect(offsetsOf(readAll(Buffer.concat([batchOf(0, 4), batchOf(5, 9)]), [], 7))).toEqual([7, 8, 9]);
});

it('leaves out a batch that is cut off, at any byte', () => {
  const whole = batchOf(0, 2);
  const bytes = Buffer.concat([whole, batchOf(3, 5)]);
  for (let length = whole.length; length < bytes.length; length++)
    expect(offsetsOf(readAll(bytes.subarray(0, length)))).toEqual([0, 1, 2]);
});

it('treats a user key of 00000000 as a key, not as an abort marker', () => {
  const key = Buffer.alloc(4);
  const bytes = Buffer.concat([
    buildBatch({ baseOffset: 0, lastOffset: 0, records: [record(0, { key })], producerId: 1, transactional: true }),
    batchOf(1, 1, { producerId: 1, transactional: true }),
    buildMarker(2, 1, 'abort'),
    buildBatch({ baseOffset: 3, lastOffset: 3, records: [record(3, { key })], producerId: 1, transactional: true }),
    buildMarker(4, 1, 'commit'),
  ]);
  expect(offsetsOf(readAll(bytes, [{ producerId: 1n, firstOffset: 0 }]))).toEqual([3]);
});

it('distinguishes producer ids that are equal as doubles', () => {
  const [one, other] = [2n ** 60n, 2n ** 60n + 1n];
  const bytes = batchOf(0, 0, { producerId: 0, transactional: true });
  bytes.writeBigInt64BE(other, 43);
  withChecksum(bytes);
  expect(offsetsOf(readAll(bytes, [{ producerId: one, firstOffset: 0 }]))).toEqual([0]);
});

describe('a batch that cannot be read', () => {
  const wrong = (bytes: Buffer, at: number): Buffer => withByte(bytes, at, bytes[at]! ^ 0x10);
  /** The batch has offsets 5 to 7 and comes after a good one. The next one begins at offset 9. */
  const batch = (more: Partial<BatchToBuild> = {}): Buffer => batchOf(5, 7, more);
  const marker = { producerId: 1, control: true };
  const broken: readonly (readonly [what: string, bytes: Buffer, nextOffset: number, why: RegExp])[] = [
    ['is of an older message format', batch({ magic: 1 }), 9, /message format 1/],
    ['has an offset beyond 2^53', offsetBeyond(batch()), 9, /not a valid offset/],
    ['is shorter than its header', withInt32(batch(), 8, 10), 9, /shorter than its own header/],
    ['claims a negative length', withInt32(batch(), 8, -100), 9, /shorter than its own header/],
    ['ends below its first offset', withInt32(batch(), 23, -2), 9, /2 below its first/],
    ['begins below the one before', batchOf(4, 7), 9, /begins at offset 4, and follows one that ends at offset 4/],
    ['has a damaged record', wrong(batch(), 70), 9, /its bytes were damaged/],
    ['has damaged attributes', wrong(batch(), 22), 9, /its bytes were damaged/],
    ['claims a negative number of records', batch({ count: -1 }), 8, /claims to hold -1 records/],
    ['claims more records than it has', batch({ count: 5 }), 8, /claims to hold 5 records, and has 2 fewer/],
    ['claims fewer records than it has', batch({ count: 2 }), 8, /bytes are left after its 2 records/],
    ['has records out of order', batch({ records: [record(6), record(5)] }), 8, /claims to be at offset 5/],
    ['has a record beyond its last offset', batch({ records: [record(8)] }), 8, /claims to be at offset 8/],
    ['has a record below its first offset', batch({ records: [record(4)] }), 8, /claims to be at offset 4/],
    ['has a record longer than itself', changed(batch(), 61, 0x7e), 8, /claims to be 63 bytes long/],
    ['has a record of a negative length', changed(batch(), 61, 1), 8, /claims to be -1 bytes long/],
    ['has a key longer than its record', changed(batch(), 65, 0x7e), 8, /do not fill its length/],
    ['claims a negative number of headers', changed(batchOf(5, 5), 71, 1), 6, /claims to have -1 headers/],
    ['is compressed by a codec that nobody knows', batch({ codec: 5 }), 8, /codec 5, which is unknown/],
    ['is not what its codec makes', batch({ codec: 1 }), 8, /cannot be decompressed: .*incorrect header check/],
    [
      'is a marker without a type',
      buildBatch({ baseOffset: 5, lastOffset: 5, records: [record(5)], ...marker }),
      6,
      /no type/,
    ],
  ];

  it.each(broken)(
    '%s: the records before it are read, and its offsets are reported',
    (_what, bytes, nextOffset, why) => {
      const fetched = new FetchedRecords(Buffer.concat([batchOf(0, 4), bytes, batchOf(9, 9)]), [], 0);
      const records: LogRecord[] = [];
      const error =
        thrownBy(() => fetched.read(records, 5)) ?? thrownBy(() => fetched.read(records, 100)) ?? fetched.broken;
      expect(offsetsOf(records.slice(0, 5))).toEqual([0, 1, 2, 3, 4]);
      expect(error).toBeInstanceOf(BrokenBatchError);
      expect(error).toMatchObject({ firstOffset: 5, nextOffset, why: expect.stringMatching(why) as string });
    },
  );

  describe('ends where the next intact batch begins, whatever its header claims', () => {
    const claiming = (lastOffset: number) => withInt32(batch(), 23, lastOffset - 5);
    const falsely = (baseOffset: number, bytes = batch()) => {
      bytes.writeBigInt64BE(BigInt(baseOffset), 0);
      return bytes;
    };
    const END = 100;
    const from5 = (...batches: readonly Buffer[]) =>
      new FetchedRecords(Buffer.concat([batchOf(0, 4), ...batches]), [], 0, undefined, -1, END);
    const faultOf = (fetched: FetchedRecords, records: LogRecord[] = []) =>
      thrownBy(() => fetched.read(records, 100)) ?? fetched.broken;

    it.each<[string, Buffer]>([
      ['a last offset that is too high', claiming(70)],
      ['a last offset far beyond the log', claiming(2_000_000)],
      ['a last offset that is too low', claiming(5)],
      ['a length that is too long', withInt32(batch(), 8, 100_000)],
      ['a length that is too short', withInt32(batch(), 8, 62)],
      ['a base offset that is too high', falsely(6)],
      ['a base offset far too high', falsely(50)],
    ])('if it claims %s', (_, damaged) => {
      const records: LogRecord[] = [];
      const following = [damaged, batchOf(8, 9), batchOf(10, 12)];
      const first = faultOf(from5(...following), records);
      const again = new FetchedRecords(Buffer.concat(following), [], 5, undefined, -1, END);
      for (const fault of [first ?? faultOf(again, records), faultOf(again, records)])
        expect(fault).toMatchObject({ firstOffset: 5, nextOffset: 8 });
      expect(records.filter(({ offset }) => offset > 4)).toEqual([]);
    });

    it.each<[string, readonly Buffer[]]>([
      ['nothing follows', []],
      ['what follows is cut off', [batchOf(8, 9).subarray(0, 70)]],
      ['what follows is damaged too', [wrong(batchOf(8, 9), 70)]],
    ])('and its end is unknown if %s', (_, following) => {
      for (const damaged of [claiming(70), wrong(batch(), 70), withInt32(batch(), 8, 3)])
        expect(faultOf(from5(damaged, ...following))).toMatchObject({ firstOffset: 5, nextOffset: null });
    });

    /** A damaged batch with this many headers of batches inside, each of which claims to reach almost to the end. */
    const withFalseHeaders = (count: number) => {
      const headers = Buffer.alloc(count * 24);
      for (let at = 0; at < headers.length; at += 24) {
        headers[at + 7] = 50; // base offset
        headers.writeInt32BE(headers.length - at, at + 8);
        headers[at + 16] = 2; // magic
      }
      return wrong(withInt32(batch({ body: headers }), 8, 62), 21);
    };

    it('and the search for it checksums the bytes only a few times', () => {
      expect(faultOf(from5(withFalseHeaders(6), batchOf(60, 61)))).toMatchObject({ firstOffset: 5, nextOffset: 60 });
      expect(faultOf(from5(withFalseHeaders(1_000), batchOf(60, 61)))).toMatchObject({
        firstOffset: 5,
        nextOffset: null,
      });
    });

    it('and all searches in one answer share this limit', () => {
      const last = batchOf(60, 60, { records: [record(60, { value: Buffer.alloc(8_000) })] });
      const searching = (times: number) => {
        const skipped = Array.from({ length: times }, (_, i) => [withFalseHeaders(30), batchOf(8 + i, 8 + i)]);
        return new FetchedRecords(Buffer.concat([...skipped.flat(), last]), [], 60, undefined, -1, END);
      };
      expect(searching(1)).toMatchObject({ broken: null, end: 61 });
      expect(searching(10).broken).toMatchObject({ nextOffset: null });
    });

    it('and the search for it ends after 16 MiB', () => {
      const damaged = (bytes: number) => wrong(withInt32(batch({ body: Buffer.alloc(bytes) }), 8, 62), 21);
      const near = from5(damaged(MAX_SEARCHED_BYTES - 1_000), batchOf(60, 61));
      expect(faultOf(near)).toMatchObject({ firstOffset: 5, nextOffset: 60 });
      const far = from5(damaged(MAX_SEARCHED_BYTES), batchOf(60, 61));
      expect(faultOf(far)).toMatchObject({ firstOffset: 5, nextOffset: null });
    });

    it('and is not read at an offset that the log does not have', () => {
      expect(faultOf(from5(falsely(5_000)))).toMatchObject({ firstOffset: 5, nextOffset: null });
      expect(from5(batchOf(5, 120)).broken).toBeNull(); // The log has grown meanwhile.
    });

    it.each([
      claiming(70),
      claiming(9),
      wrong(claiming(70), 70),
      falsely(50),
      falsely(500),
      withInt32(batch(), 8, 9e4),
    ])('and is skipped by a reader that begins after it, even if its leader sends it again', (damaged) => {
      const bytes = Buffer.concat([damaged, batchOf(8, 9), batchOf(10, 12)]);
      const fetched = new FetchedRecords(bytes, [], 8, undefined, -1, END);
      const records: LogRecord[] = [];
      fetched.read(records, 100);
      expect([offsetsOf(records), fetched.broken, fetched.end]).toEqual([[8, 9, 10, 11, 12], null, 13]);
    });

    it('but it is the second of two that overlap if the first is in its place', () => {
      const second = falsely(3, batchOf(8, 9));
      expect(faultOf(from5(batch(), second, batchOf(10, 12)))).toMatchObject({ firstOffset: 8, nextOffset: 10 });
    });
  });

  it('is detected for every changed byte: no changed batch is read with other content', () => {
    const good = batch();
    for (let at = 0; at < good.length; at++) {
      // Not covered by the checksum: the broker itself sets the base offset and the leader epoch.
      if (at < 8 || (at >= 12 && at < 16)) continue;
      const bytes = wrong(Buffer.from(good), at);
      const fetched = new FetchedRecords(bytes, [], 5);
      const whole = fetched.end > 5;
      const error = thrownBy(() => fetched.read([], 100)) ?? fetched.broken;
      if (whole || fetched.broken !== null) expect(error).toBeInstanceOf(BrokenBatchError);
      else expect(at).toBeLessThan(12); // It claims to be longer than what came: it is fetched again.
    }
    expect(offsetsOf(readAll(good, [], 5))).toEqual([5, 6, 7]);
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  return withChecksum(withByte(bytes, at, value));
}

function offsetBeyond(bytes: Buffer): Buffer {
  bytes.writeBigInt64BE(2n ** 53n, 0);
  return bytes;
}

function withInt32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeInt32BE(value, at);
  return bytes;
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  bytes[at] = value;
  return bytes;
}

/*
 * A log that several transactional producers write, and the records that a read_committed reader may see. The model knows each transaction's outcome from the start.
 */
interface Step {
  readonly producer: number;
  readonly act: 'write' | 'commit' | 'abort';
  readonly records: number;
  /** The part of a batch that compaction has left: all, its last record, an empty batch, or nothing. */
  readonly kept: 'all' | 'last' | 'none' | 'gone';
}

interface Log {
  readonly batches: readonly { readonly first: number; readonly last: number; readonly bytes: Buffer }[];
  readonly aborted: readonly (AbortedTransaction & { readonly lastOffset: number })[];
  readonly visible: readonly number[];
}

const PLAIN_PRODUCER = 0;
const step: fc.Arbitrary<Step> = fc.record({
  producer: fc.integer({ min: PLAIN_PRODUCER, max: 4 }),
  act: fc.constantFrom('write', 'write', 'write', 'commit', 'abort'),
  records: fc.integer({ min: 1, max: 4 }),
  kept: fc.constantFrom('all', 'all', 'all', 'last', 'none', 'gone'),
});

function writeLog(steps: readonly Step[]): Log {
  const batches: { first: number; last: number; bytes: Buffer }[] = [];
  const aborted: (AbortedTransaction & { lastOffset: number })[] = [];
  const visible: number[] = [];
  const open = new Map<number, { first: number; offsets: number[] }>();
  let offset = 0;
  const end = (producer: number, act: 'commit' | 'abort'): void => {
    const transaction = open.get(producer);
    if (transaction === undefined) return;
    open.delete(producer);
    if (act === 'commit') visible.push(...transaction.offsets);
    else aborted.push({ producerId: BigInt(producer), firstOffset: transaction.first, lastOffset: offset });
    batches.push({ first: offset, last: offset, bytes: buildMarker(offset, producer, act) });
    offset++;
  };
  for (const { producer, act, records: count, kept } of steps) {
    if (act !== 'write') {
      end(producer, act);
      continue;
    }
    const [first, last] = [offset, offset + count - 1];
    offset += count;
    const all = Array.from({ length: count }, (_, i) => record(first + i, i === 0 ? { key: Buffer.alloc(4) } : {}));
    const records = kept === 'all' ? all : kept === 'last' ? all.slice(-1) : [];
    const transactional = producer !== PLAIN_PRODUCER;
    if (transactional) {
      const transaction = open.get(producer) ?? { first, offsets: [] };
      transaction.offsets.push(...offsetsOfBuilt(records));
      open.set(producer, transaction);
    } else visible.push(...offsetsOfBuilt(records));
    if (kept === 'gone') continue;
    const producerId = transactional ? producer : -1;
    batches.push({
      first,
      last,
      bytes: buildBatch({ baseOffset: first, lastOffset: last, records, producerId, transactional }),
    });
  }
  for (const producer of [...open.keys()]) end(producer, 'commit');
  return { batches, aborted, visible: visible.sort((a, b) => a - b) };
}

function offsetsOfBuilt(records: readonly BatchRecord[]): number[] {
  return records.map(({ offset }) => offset);
}

/** A broker's answer: batches from the one with `from` on, and aborted transactions in the order of their markers. */
function fetchFrom(log: Log, from: number, batchesLeft: number, cutBytes: number): FetchedRecords {
  const start = log.batches.findIndex(({ last }) => last >= from);
  const batches = log.batches.slice(start, start + batchesLeft);
  const upTo = batches.at(-1)?.last ?? from;
  const aborted = log.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset <= upTo);
  const next = log.batches[start + batchesLeft]?.bytes.subarray(0, cutBytes) ?? Buffer.alloc(0);
  return new FetchedRecords(Buffer.concat([...batches.map(({ bytes }) => bytes), next]), aborted, from);
}

it('returns exactly the committed records of interleaved transactions, however fetched and read', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.nat({ max: 80 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 }),
      fc.nat({ max: 60 }),
      (steps, startAt, batchesEach, readsEach, cutBytes) => {
        const log = writeLog(steps);
        const logEnd = (log.batches.at(-1)?.last ?? -1) + 1;
        const from = Math.min(startAt, logEnd);
        const seen: number[] = [];
        let [position, turn] = [from, 0];
        while (position < logEnd) {
          const fetched = fetchFrom(log, position, batchesEach[turn % batchesEach.length]!, cutBytes);
          while (!fetched.exhausted) {
            const before = fetched.position;
            const records: LogRecord[] = [];
            fetched.read(records, readsEach[turn++ % readsEach.length]!);
            seen.push(...offsetsOf(records));
            for (const { offset } of records) expect(offset).toBeGreaterThanOrEqual(before);
            expect(fetched.position).toBeGreaterThan(records.at(-1)?.offset ?? before - 1);
          }
          expect(fetched.position).toBe(fetched.end);
          expect(fetched.end).toBeGreaterThan(position);
          position = fetched.end;
          turn++;
        }
        expect(seen).toEqual(log.visible.filter((offset) => offset >= from));
      },
    ),
    { numRuns: 2_000 },
  );
});

it('continues from any position at which a read stopped', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (steps, max) => {
      const log = writeLog(steps);
      const logEnd = (log.batches.at(-1)?.last ?? -1) + 1;
      const seen: number[] = [];
      for (let position = 0; position < logEnd;) {
        const fetched = fetchFrom(log, position, Infinity, 0);
        const records: LogRecord[] = [];
        fetched.read(records, max);
        seen.push(...offsetsOf(records));
        position = fetched.position;
      }
      expect(seen).toEqual(log.visible);
    }),
    { numRuns: 500 },
  );
});
