import { RowMover, type LastMove } from '../../../src/repartition/row-mover.js';
import { FIRST_VOCABULARY, VOCABULARY } from '../../../src/domain/statuses.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { RecordToWrite, TopicPartition } from '../../../src/lib/record.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { decodePositionRow, writePositionRow } from '../../../src/store/row-codec.js';
import { companyKey, POSITION_KEY } from '../../../src/store/row-keys.js';

const LAST: LastMove = { input: 'input', firstPosition: 0, mark: { offset: 999, leaderEpoch: -1 } };
const HERE = 1;
const PARTITIONS = 4;

/** One transaction as it was committed: the records of each partition, and the group's offset. */
interface Committed {
  readonly records: Map<number, RecordToWrite[]>;
  offset: number | null;
}

/** @param tookMs how long each transaction takes @param failAt the number of the transaction whose commit fails */
function moverOf({ tookMs = 10, throttledMs = 0, failAt = Infinity } = {}) {
  const committed: Committed[] = [];
  const did: string[] = [];
  let now = 0;
  let open: Committed | null = null;
  const producer = {
    throttledMs,
    begin: (places: readonly TopicPartition[]) => {
      did.push('begin');
      open = { records: new Map(places.map(({ partition }) => [partition, []])), offset: null };
      return Promise.resolve();
    },
    produce: ({ partition }: TopicPartition, records: readonly RecordToWrite[]) => {
      (open as Committed).records.get(partition)?.push(...records);
      return Promise.resolve(0);
    },
    sendOffset: (_input: TopicPartition, { offset }: { offset: number }) => {
      (open as Committed).offset = offset;
      return Promise.resolve();
    },
    commit: () => {
      if (committed.length + 1 === failAt) return Promise.reject(new Error('killed'));
      did.push('commit');
      committed.push(open as Committed);
      now += tookMs;
      return Promise.resolve();
    },
  };
  const ended = (places: readonly TopicPartition[]) => {
    did.push(`ended in ${places.length}`);
    return Promise.resolve();
  };
  const clock = {
    now: () => now,
    delay: (ms: number) => {
      did.push(`wait ${ms}`);
      return Promise.resolve();
    },
  };
  return { mover: new RowMover({ producer, ended, clock }, 'changelog', HERE, PARTITIONS), committed, did };
}

/** Rows of companies that belong to other partitions. */
function rowsToMove(count: number, bytes = 10) {
  const value = Buffer.alloc(bytes);
  const rows = [];
  for (let i = 0; rows.length < count; i++) {
    const company = `company-${i}`;
    if (partitionOfKey(Buffer.from(company), PARTITIONS) === HERE) continue;
    rows.push({ key: companyKey(company), value });
  }
  return rows;
}

const tombstonesOf = ({ records }: Committed) => records.get(HERE)?.filter(({ value }) => value === null).length ?? 0;

function movedBy({ records }: Committed): number {
  return [...records].reduce((sum, [partition, { length }]) => (partition === HERE ? sum : sum + length), 0);
}

test('a partition that was counted under all words is counted again after companies were moved to it', async () => {
  const { mover, committed } = moverOf();
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: 'input', offset: 300, countedUnder: VOCABULARY });
  await mover.take({ key: POSITION_KEY, value: to.end() });
  await mover.finish(LAST);
  const written = committed.flatMap(({ records }) => [...records.values()].flat());
  expect(written.map(({ value }) => decodePositionRow(value as Buffer))).toEqual([
    { topic: 'input', offset: 300, countedUnder: FIRST_VOCABULARY },
  ]);
});

test('many rows move in several transactions, and only the last one has position and mark', async () => {
  const { mover, committed, did } = moverOf();
  for (const row of rowsToMove(50_000)) await mover.take(row);
  expect(await mover.finish(LAST)).toBe(50_000);
  expect(committed.map(movedBy)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 5_000]);
  expect(committed.map(({ offset }) => offset)).toEqual([null, null, null, null, null, null, null, 999]);
  const positions = ({ records }: Committed) =>
    records.get(HERE)?.filter(({ key }) => key?.equals(POSITION_KEY)).length;
  expect(committed.map(positions)).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  // The next transaction begins only after the one before has ended everywhere.
  expect(did.slice(0, 6)).toEqual(['begin', 'commit', 'ended in 4', 'begin', 'commit', 'ended in 4']);
});

test('each transaction leaves every row in exactly one place, so an interrupted move loses and repeats nothing', async () => {
  const { mover, committed } = moverOf({ failAt: 3 });
  const moving = (async () => {
    for (const row of rowsToMove(50_000)) await mover.take(row);
  })();
  await expect(moving).rejects.toThrow('killed');
  expect(committed).toHaveLength(2);
  for (const transaction of committed) expect(movedBy(transaction)).toBe(tombstonesOf(transaction));
});

test('a transaction has 4 MB at most, or one larger row', async () => {
  const { mover, committed } = moverOf();
  for (const row of rowsToMove(200, 1_000_000)) await mover.take(row);
  await mover.finish(LAST);
  expect(Math.max(...committed.map(movedBy))).toBe(4);
  const { mover: other, committed: large } = moverOf();
  for (const row of rowsToMove(3, 6_000_000)) await other.take(row);
  await other.finish(LAST);
  expect(large.map(movedBy)).toEqual([1, 1, 1, 0]);
});

test('slow transactions become smaller', async () => {
  const { mover, committed } = moverOf({ tookMs: 5_000 });
  for (const row of rowsToMove(2_000)) await mover.take(row);
  expect(committed.map(movedBy)).toEqual([1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1, 1, 1, 1, 1]);
});

test('while the brokers throttle, the mover waits between two transactions', async () => {
  const { mover, did } = moverOf({ throttledMs: 3_000 });
  for (const row of rowsToMove(1_000)) await mover.take(row);
  expect(did).toEqual(['begin', 'commit', 'ended in 4', 'wait 3000']);
});
