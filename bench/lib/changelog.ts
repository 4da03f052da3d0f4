/** Writes changelogs of a given size, by transactions like those of the processor, but without a position row. */
import { logLevel } from 'kafkajs';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { kafkaTransactions } from '../../src/kafka/transactions/transactions.js';
import { NO_HEADERS, type RecordToWrite } from '../../src/lib/record.js';
import { ByteWriter } from '../../src/lib/byte-writer.js';
import { KEY_KIND } from '../../src/store/row-keys.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { systemClock } from '../../src/lib/system-clock.js';

/** Bytes of key and value together: a dataset row with two UUIDs in its key. */
export const ROW_BYTES = 100;
const ID_BYTES = 17;
const KEY_BYTES = 1 + 2 * ID_BYTES;
const DATASETS_A_COMPANY = 20;
const RECORDS_A_TRANSACTION = 10_000;
const TRANSACTION_TIMEOUT_MS = 60_000;

/**
 * Writes `records` rows to the changelog, equally many to each partition. Every row has a key of its own. It writes no
 * position row, so the changelog looks like that of a deployment that has read nothing of its input.
 */
export async function fillChangelog(
  cluster: Cluster,
  changelog: { readonly topic: string; readonly partitions: number },
  records: number,
): Promise<void> {
  const config = { brokers: cluster.bootstrap.split(','), logLevel: logLevel.ERROR };
  const clock = systemClock;
  const view = new ClusterView(config, clock);
  const options = { groupId: `fills-${changelog.topic}`, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS, clock };
  const transactions = kafkaTransactions(config, { ...options, cluster: view });
  for (let partition = 0; partition < changelog.partitions; partition++) {
    const producer = await transactions.fence(`fills-${changelog.topic}-${partition}`);
    const to = { topic: changelog.topic, partition };
    const count = Math.floor(records / changelog.partitions);
    for (let done = 0; done < count; done += RECORDS_A_TRANSACTION) {
      await producer.begin([to]);
      await producer.produce(to, rows(partition, done, Math.min(count, done + RECORDS_A_TRANSACTION)));
      await producer.commit();
    }
    await producer.discard();
  }
  await view.close();
}

function rows(partition: number, from: number, to: number): RecordToWrite[] {
  return Array.from({ length: to - from }, (_, i) => {
    const row = from + i;
    const company = Math.floor(row / DATASETS_A_COMPANY);
    const writer = new ByteWriter(KEY_BYTES);
    writer.begin();
    writer.byte(KEY_KIND.dataset);
    writer.id(uuid(partition, company));
    writer.id(uuid(company, row));
    const key = writer.end();
    return { key, value: Buffer.alloc(ROW_BYTES - key.length, row & 0xff), headers: NO_HEADERS };
  });
}

/** A number without an order, like a UUID: Knuth's multiplicative hash, which maps 32 bits onto 32 bits. */
function uuid(one: number, other: number): string {
  const hash = (n: number): string => (Math.imul(n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  const hex = hash(other) + hash(one) + hash(other + 7) + hash(one + 13);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
