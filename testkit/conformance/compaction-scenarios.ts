/** Compaction, with log cleaners that look ten times a second (`COMPACTING`). */
import { EARLIEST, LATEST, listOffset, READ_COMMITTED } from '../../src/kafka/protocol/list-offsets.js';
import { offsetForLeaderEpoch } from '../../src/kafka/protocol/offset-for-leader-epoch.js';
import type { TopicPartition } from '../../src/lib/record.js';
import type { BatchHeader } from './batches.js';
import type { ClusterUnderTest } from './cluster-under-test.js';
import type { Scenario } from './scenario.js';

/** For the brokers of the real cluster. */
export const COMPACTING: Readonly<Record<string, string>> = { 'log.cleaner.backoff.ms': '100' };

/** A record that is this much later than the first one of the active segment begins a new segment. */
const SEGMENT_MS = 60_000;
/** The offset of a tombstone. Its batch is noted once. */
const TOMBSTONE = '5';
const SETTINGS = {
  'cleanup.policy': 'compact',
  'segment.ms': String(SEGMENT_MS),
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': String(24 * 60 * 60_000),
};

/** The whole log from an offset on: a real broker's answer ends with its segment, and the simulated one has no segments. */
async function read(cluster: ClusterUnderTest, log: TopicPartition, from: number, end: number): Promise<BatchHeader[]> {
  const batches: BatchHeader[] = [];
  for (let offset = from; offset < end;) {
    const { errorCode, partitions } = await cluster.fetch(log, offset);
    const read = partitions[0]!;
    if (errorCode + read.errorCode !== 0 || read.records.length === 0)
      throw new Error(`the log cannot be read from ${offset} on: error codes ${errorCode}, ${read.errorCode}`);
    batches.push(...read.records);
    const last = batches.at(-1)!;
    offset = Number(last.baseOffset) + last.lastOffsetDelta + 1;
  }
  return batches;
}

async function look(cluster: ClusterUnderTest, log: TopicPartition, end: number): Promise<void> {
  const { answers } = cluster;
  for (const offset of [0, 1, 3, 5, 7, 8, 9]) {
    const batches = await read(cluster, log, offset, end);
    const known = batches.map((batch) => (batch.baseOffset === TOMBSTONE ? TOMBSTONE : batch));
    answers.note(`all from ${offset}`, known);
  }
  for (const timestamp of [EARLIEST, LATEST])
    answers.note('ListOffsets', await cluster.ask(listOffset(log, 0, timestamp, READ_COMMITTED)));
  answers.note('end of 0', await cluster.ask(offsetForLeaderEpoch(log, 0, 0)));
}

export const COMPACTION_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a log is compacted': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('changelog', SETTINGS, [1]);
    const begin = Date.now() - 10 * SEGMENT_MS;
    const write = async (segment: number, ...records: [key: string, value: string | null][]): Promise<void> => {
      const values = records.map(([key, value]) => ({ key, value }));
      answers.note('Produce', await cluster.appendBatch(log, values, begin + 2 * segment * SEGMENT_MS));
    };
    await write(0, ['a', 'a0'], ['b', 'b0']);
    await write(0, ['a', 'a2']);
    await write(0, ['c', 'c3'], ['d', 'd4']);
    await write(0, ['b', null]);
    await write(0, ['c', 'c6'], ['c', 'c7']);
    await write(0, ['e', 'e8']);
    await write(1, ['d', 'd9']); // The active segment: it removes nothing.
    await cluster.compacted(log, 0);
    answers.note('the batch of the tombstone', (await read(cluster, log, Number(TOMBSTONE), 6))[0]);
    await look(cluster, log, 10);
    await write(2, ['f', 'f10']);
    await cluster.compacted(log, 3);
    await look(cluster, log, 11);
  },
};
