/** Records that a command sends by their keys must reach the partitions of their companies. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustBeKeyedByDefault } from '../../../src/command/input-sender.js';
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { Logs } from '../../../src/pipeline/ports.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';

const PARTITIONS = 3;

/** An input with one record for each company, each in the partition that is `away` after the default one. */
function inputPlaced(away: number, companies: number): Pick<Logs, 'bounds' | 'reader'> {
  const recordsOf = (partition: number) =>
    Array.from({ length: companies }, (_, i) => Buffer.from(`company-${i}`))
      .filter((key) => (partitionOfKey(key, PARTITIONS) + away) % PARTITIONS === partition)
      .map((key, offset) => ({ offset, timestamp: 0, key, value: Buffer.from('event'), headers: [] }));
  return {
    bounds: ({ partition }) => {
      const end = recordsOf(partition).length;
      return Promise.resolve({ start: 0, end, highWatermark: end, ...SEEN_BY_MOST });
    },
    reader: ({ partition }) => {
      const records = recordsOf(partition);
      const end = records.length;
      return {
        next: () => Promise.resolve({ records, nextOffset: end, endOffset: end, leaderEpoch: -1 }),
        close: () => undefined,
      };
    },
  };
}

const checked = (away: number, payload: string | null, companies = 20) =>
  mustBeKeyedByDefault(inputPlaced(away, companies), 'sync-events', PARTITIONS, { payloadOf: () => payload });

test('nothing is sent if the platform uses another partitioner', async () => {
  await expect(checked(1, 'DatasetStatusChanged')).rejects.toThrow(
    /does not use Kafka's default partitioner: record \d\/\d of sync-events would be in partition \d\. Nothing was sent/,
  );
});

test('if the records of too few companies are misplaced, the message says that they may be from before a repartition', async () => {
  await expect(checked(1, 'DatasetStatusChanged', 2)).rejects.toThrow(
    /may not use Kafka's default partitioner: record .*from before a repartition.*written records of more companies/,
  );
});

test('the default partitioner is accepted, and marks that a command has written prove nothing', async () => {
  expect(await checked(0, 'DatasetStatusChanged')).toBe(20);
  expect(await checked(1, 'AnnouncedElsewhere')).toBe(0);
});

test('every command that sends to the input by key makes this check', () => {
  const folder = join(__dirname, '..', '..', '..', 'src', 'command');
  const connecting = readdirSync(folder).filter((file) =>
    readFileSync(join(folder, file), 'utf8').includes('RecordSender.connect('),
  );
  // Repairs and releases have their partition. `events resend` writes to the topic of announcements.
  expect(connecting.sort()).toEqual(['events-resend.ts', 'input-sender.ts', 'repair-sender.ts']);
});
