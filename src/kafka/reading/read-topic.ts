/** Reads a topic from a position to what is its end at the start, read_committed. */
import { withReader } from '../../lib/with-reader.js';
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';

const RECORDS_A_READ = 10_000;

/**
 * @param from the log's start where it lies below it
 * @param take called with the records in order, some at a time; what it returns is awaited before the next
 * @throws what the reader throws
 */
export async function readPartition(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  at: TopicPartition,
  from: number,
  take: (records: readonly LogRecord[]) => void | Promise<void>,
): Promise<void> {
  const { start, end } = await logs.bounds(at);
  const first = Math.max(start, from);
  if (first >= end) return;
  await withReader(logs.reader(at, first), async (reader) => {
    for (let position = first; position < end;) {
      const batch = await reader.next(RECORDS_A_READ);
      await take(batch.records.filter(({ offset }) => offset < end));
      position = batch.nextOffset;
    }
  });
}
