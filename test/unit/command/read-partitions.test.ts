/** The memory that a command takes while it reads a topic of many partitions. */
import { readPartitions } from '../../../src/command/read-partitions.js';
import type { LogRecord, TopicPartition } from '../../../src/lib/record.js';
import type { LogReader, Logs } from '../../../src/pipeline/ports.js';

test('a topic of 1,000 partitions is read completely, 16 partitions at the same time', async () => {
  let open = 0;
  let mostOpen = 0;
  const logs = {
    bounds: () => Promise.resolve({ start: 0, end: 1 }),
    reader: ({ partition }: TopicPartition) => {
      mostOpen = Math.max(mostOpen, ++open);
      const record = { offset: 0, timestamp: partition, key: null, value: null, headers: [] };
      const reader: Partial<LogReader> = {
        next: () => Promise.resolve({ records: [record], nextOffset: 1 }) as unknown as ReturnType<LogReader['next']>,
        close: () => void open--,
      };
      return reader as LogReader;
    },
  } as unknown as Pick<Logs, 'bounds' | 'reader'>;
  const read = new Map<number, readonly LogRecord[]>();
  const from = new Map(Array.from({ length: 1_000 }, (_, partition) => [partition, 0]));
  await readPartitions(logs, 'sync-events', from, async (partition, records) => {
    await Promise.resolve();
    read.set(partition, records);
  });
  expect([read.size, mostOpen, open]).toEqual([1_000, 16, 0]);
});
