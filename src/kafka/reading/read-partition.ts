/** Reads committed records of a partition, up to the end that it has when reading starts. */
import { withReader } from '../../lib/with-reader.js';
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';

const RECORDS_A_READ = 10_000;

/**
 * @param from the first offset; if it is below the log's start, reading begins there
 * @param take called with some records at a time, in order. Its promise is awaited before the next call
 * @returns the offset after the last one that was read: reading may continue there
 * @throws what the reader throws
 */
export async function readPartition(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  partition: TopicPartition,
  from: number,
  take: (records: readonly LogRecord[]) => void | Promise<void>,
): Promise<number> {
  const { start, end } = await logs.bounds(partition);
  const first = Math.max(start, from);
  if (first >= end) return first;
  await withReader(logs.reader(partition, first), async (reader) => {
    for (let position = first; position < end;) {
      const batch = await reader.next(RECORDS_A_READ);
      await take(batch.records.filter(({ offset }) => offset < end));
      position = batch.nextOffset;
    }
  });
  return end;
}
