/** Reads partitions of a topic up to what is their end at the start, and tells how far it is where that takes long. */
import { readPartition } from '../kafka/reading/read-topic.js';
import type { LogRecord } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { printToStandardError } from './print.js';
import { progressTo } from './progress.js';

/**
 * @param from where to begin in each partition that is read
 * @param take called with the records of each partition in order, some at a time; what it returns is awaited
 * @throws what the reader throws
 */
export async function readPartitions(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  from: ReadonlyMap<number, number>,
  take: (partition: number, records: readonly LogRecord[]) => void | Promise<void>,
): Promise<void> {
  let read = 0;
  const progress = progressTo(printToStandardError);
  const readOne = (partition: number, first: number) =>
    readPartition(logs, { topic, partition }, first, async (records) => {
      await take(partition, records);
      read += records.length;
      progress(() => `${read} records of ${topic} read`);
    });
  await Promise.all([...from].map(([partition, first]) => readOne(partition, first)));
}
