/** Where later records of a dead letter's company may be, also after the input has got more partitions. */
import { mayContinueElsewhere, startsAfter, startsAfterOne } from '../../../src/command/later-records.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { TopicPartition } from '../../../src/lib/record.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import type { DeadLetter } from '../../../src/publish/dead-letter.js';

const [BEFORE, NOW] = [2, 4];
const WRITTEN_AT = Date.UTC(2027, 0, 1);

/** A company whose key leads to another partition since the input has grown, and one that stays. */
const keys = Array.from({ length: 20 }, (_, i) => Buffer.from(`company-${i}`));
const isMoved = (key: Buffer) => partitionOfKey(key, BEFORE) !== partitionOfKey(key, NOW);
const MOVED = keys.find(isMoved) as Buffer;
const STAYED = keys.find((key) => !isMoved(key)) as Buffer;

function deadLetterOf(key: Buffer | null, more: Partial<DeadLetter> = {}): DeadLetter {
  const partition = key === null ? 0 : partitionOfKey(key, BEFORE);
  const rest = { topic: 'sync-events', offset: 10, code: 'unknown-schema', message: '', value: null, headers: [] };
  return { ...rest, partition, key, writtenAt: WRITTEN_AT, timestamp: WRITTEN_AT - 5, ...more };
}

/** The offset of a time is that time, so a result shows what was asked. */
const logs = { offsetSince: ({ partition }: TopicPartition, timeMs: number) => Promise.resolve(timeMs + partition) };
const after = (...deadLetters: DeadLetter[]) => startsAfter(logs, 'sync-events', NOW, deadLetters, new Set());

test('a company whose partition has changed may continue elsewhere, and so may a record with a wrong key', () => {
  expect(mayContinueElsewhere(deadLetterOf(MOVED), NOW)).toBe(true);
  expect(mayContinueElsewhere(deadLetterOf(MOVED), BEFORE)).toBe(false);
  expect(mayContinueElsewhere(deadLetterOf(STAYED), NOW)).toBe(false);
  expect(mayContinueElsewhere(deadLetterOf(STAYED, { code: 'key-mismatch' }), NOW)).toBe(true);
  expect(mayContinueElsewhere(deadLetterOf(null, { code: 'missing-key' }), NOW)).toBe(true);
});

test('only the partition of a dead letter is read if its company is still there', async () => {
  const { partition } = deadLetterOf(STAYED);
  expect([...(await after(deadLetterOf(STAYED, { offset: 20 }), deadLetterOf(STAYED)))]).toEqual([[partition, 10]]);
});

test('all partitions are read if the company may have moved, from an hour before its dead letter was written', async () => {
  const [moved, stayed] = [deadLetterOf(MOVED), deadLetterOf(STAYED, { writtenAt: 0 })];
  const own = new Set([moved.partition, stayed.partition]);
  const starts = await after(moved, stayed);
  const since = WRITTEN_AT - HOUR_MS;
  const expected = [0, 1, 2, 3].map((partition) => [partition, own.has(partition) ? 10 : since + partition]);
  expect([...starts].sort()).toEqual(expected);
});

test('for later events, other partitions are read from the timestamp of the bad record, however late its dead letter was written', async () => {
  const own = deadLetterOf(MOVED).partition;
  const startsFor = async (timestamp: number) => {
    const starts = await startsAfter(logs, 'sync-events', NOW, [deadLetterOf(MOVED, { timestamp })], new Set(['acme']));
    return starts.get(3 - own);
  };
  const processorBehind = WRITTEN_AT - 5 * HOUR_MS;
  expect(await startsFor(processorBehind)).toBe(processorBehind + 3 - own);
  expect(await startsFor(WRITTEN_AT - 5)).toBe(WRITTEN_AT - HOUR_MS + 3 - own);
  expect(await startsFor(-1)).toBe(0);
});

test('a dead letter with a timestamp that the broker would take for the end has the other partitions read from their start', async () => {
  const deadLetter = deadLetterOf(MOVED, { writtenAt: HOUR_MS - 1 });
  expect((await after(deadLetter)).get(3 - deadLetter.partition)).toBe(0);
});

test('a partition that the input does not have is not read', async () => {
  expect([...(await after(deadLetterOf(STAYED, { partition: NOW, key: null })))]).toEqual([]);
});

test('the repair of one dead letter is judged by its own partition, and by all if its company is elsewhere now', async () => {
  const moved = deadLetterOf(MOVED);
  const { partition: own, timestamp } = moved;
  const home = partitionOfKey(MOVED, NOW);
  const startsFor = (deadLetter: DeadLetter, at: number) => startsAfterOne(logs, 'sync-events', NOW, deadLetter, at);
  expect([...(await startsFor(moved, own))]).toEqual([[own, 11]]);
  const starts = await startsFor(moved, home);
  expect([...starts.keys()]).toEqual([0, 1, 2, 3]);
  expect([starts.get(own), starts.get(home)]).toEqual([11, timestamp + home]);
  expect((await startsFor({ ...moved, timestamp: -1 }, home)).get(home)).toBe(0);
});
