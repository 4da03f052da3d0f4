/** Reads partitions of a topic up to the end that they have at the start. Prints its progress if it takes long. */
import { readPartition } from '../kafka/reading/read-partition.js';
import { someAtATime } from '../lib/some-at-a-time.js';
import { systemClock } from '../lib/system-clock.js';
import type { LogRecord } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { printToStandardError } from './print.js';
import { progressTo } from './progress.js';

/** Partitions that are read at the same time. Each of them may have several MiB of fetched records in memory. */
const READ_AT_ONCE = 16;

/**
 * @param from the first offset to read, for each partition
 * @param take called with the records of each partition in order, some at a time; its result is awaited
 * @returns for each partition, the offset at which reading may continue
 * @throws any error of the reader
 */
export async function readPartitions(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  from: ReadonlyMap<number, number>,
  take: (partition: number, records: readonly LogRecord[]) => void | Promise<void>,
): Promise<Map<number, number>> {
  const ends = new Map<number, number>();
  let read = 0;
  const progress = progressTo(printToStandardError, systemClock);
  const readOne = async (partition: number, first: number): Promise<void> => {
    const end = await readPartition(logs, { topic, partition }, first, async (records) => {
      await take(partition, records);
      read += records.length;
      progress(() => `${read} records of ${topic} read`);
    });
    ends.set(partition, end);
  };
  await someAtATime(from, READ_AT_ONCE, ([partition, first]) => readOne(partition, first));
  return ends;
}
