/** The log reader on a cluster of its own: brokers stop and start, and the log cleaner runs at once. */
import { randomUUID } from 'node:crypto';
import { logLevel, type Kafka, type Producer } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { fetchFrom } from '../../src/kafka/protocol/fetch-by-id.js';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { createTopic, plainClient } from '../support/topics.js';

let cluster: Cluster;
let client: Kafka;
let writer: Producer;
let logs: KafkaLogs;
const troubles: string[] = [];

beforeAll(async () => {
  cluster = await startOwnCluster({ brokers: 3, registry: false, brokerConfig: { 'log.cleaner.backoff.ms': '200' } });
  client = plainClient(cluster.bootstrap);
  writer = client.producer({ retry: { retries: 30 } });
  await writer.connect();
});
afterAll(async () => {
  await writer?.disconnect();
  await cluster?.stop();
});
beforeEach(() => {
  troubles.length = 0;
  const onTrouble = ({ partition }: TopicPartition, error: Error): void =>
    void troubles.push(`${partition}: ${error.message}`);
  const config = { brokers: cluster.bootstrap.split(','), clientId: 'test', logLevel: logLevel.NOTHING };
  logs = new KafkaLogs({ config, groupId: randomUUID(), clock: systemClock, onTrouble, maxPartitionBytes: 100 });
});
afterEach(() => logs.close());

async function leaderOf({ topic, partition }: TopicPartition): Promise<number> {
  const admin = client.admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.disconnect();
  return topics[0]!.partitions.find(({ partitionId }) => partitionId === partition)!.leader;
}

test.each(['kill', 'stop'] as const)(
  'a reader continues at the new leader after a %s of the old one, without a gap',
  async (end) => {
    const topic = await createTopic(cluster.bootstrap, { numPartitions: 3, replicationFactor: 3 });
    const readers = [0, 1, 2].map((partition) => logs.reader({ topic, partition }, 0));
    const write = async (value: string): Promise<void> => {
      await writer.send({ topic, messages: [0, 1, 2].map((partition) => ({ value, partition })) });
    };
    const valuesSeen = async (): Promise<string[]> =>
      Promise.all(readers.map(async (reader) => String((await reader.next(1)).records[0]?.value)));

    await write('before');
    expect(await valuesSeen()).toEqual(['before', 'before', 'before']);
    const broker = cluster.brokers[(await leaderOf({ topic, partition: 0 })) - 1]!;
    const waiting = valuesSeen();
    await broker[end]();
    try {
      await write('while it is down');
      expect(await waiting).toEqual(Array(3).fill('while it is down'));
      expect(troubles.some((trouble) => trouble.startsWith('0: '))).toBe(true);
    } finally {
      await broker.start();
    }
    await write('after');
    expect(await valuesSeen()).toEqual(['after', 'after', 'after']);
  },
);

test('a reader continues after the only broker of its partition was away', async () => {
  const topic = await createTopic(cluster.bootstrap, { numPartitions: 1, replicationFactor: 1 });
  const partition = { topic, partition: 0 };
  await writer.send({ topic, messages: [{ value: 'before' }] });
  const reader = logs.reader(partition, 0);
  await reader.next(1);
  const next = reader.next(1);
  const broker = cluster.brokers[(await leaderOf(partition)) - 1]!;
  await broker.stop();
  const bounds = logs.bounds(partition);
  await broker.start();
  expect(await bounds).toMatchObject({ start: 0, end: 1, highWatermark: 1 });
  await writer.send({ topic, messages: [{ value: 'after' }] });
  expect((await next).records.map(({ value }) => String(value))).toEqual(['after']);
});

/** The number of record batches without records in the partition's log, from the headers that the broker sends. */
async function emptyBatches(connections: BrokerConnections, partition: TopicPartition): Promise<number> {
  const address = cluster.brokers[(await leaderOf(partition)) - 1]!.address;
  const wanted = [{ ...partition, topicId: null, fromOffset: 0, leaderEpoch: -1 }];
  const limits = { maxWaitMs: 0, maxBytes: 1e6, maxPartitionBytes: 1e6, maxBatchBytes: 1e6 };
  const { partitions } = await connections.ask(address, (broker) => fetchFrom(broker, wanted, limits));
  const bytes = partitions[0]!.records;
  let count = 0;
  for (let start = 0; start < bytes.length; start += 12 + bytes.readInt32BE(start + 8))
    if (bytes.readInt32BE(start + 57) === 0) count++;
  return count;
}

test('a reader skips batches that compaction has emptied, with one fetch for each', async () => {
  const topic = await createTopic(cluster.bootstrap, {
    replicationFactor: 1,
    configEntries: Object.entries({
      'cleanup.policy': 'compact',
      'segment.ms': '200',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
    }).map(([name, value]) => ({ name, value })),
  });
  const partition = { topic, partition: 0 };
  // The last batch of an idempotent producer is kept for its sequence number, without the records overwritten since.
  for (let i = 0; i < 6; i++) {
    const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send({
      topic,
      messages: [
        { key: 'k', value: `${i}` },
        { key: 'k', value: `${i} again` },
      ],
    });
    await producer.disconnect();
  }
  const connections = new BrokerConnections(
    { brokers: [cluster.bootstrap], clientId: 'test', logLevel: logLevel.NOTHING },
    systemClock,
  );
  let written = 12;
  try {
    // Only closed segments are compacted, and only a new record closes a segment.
    await pollUntil(
      async () => {
        await writer.send({ topic, messages: [{ key: 'other', value: 'tick' }] });
        written++;
        return (await emptyBatches(connections, partition)) >= 5;
      },
      { awaited: 'batches emptied by compaction', timeoutMs: 60_000 },
    );
  } finally {
    await connections.close();
  }
  const { end } = await logs.bounds(partition);
  expect(end).toBe(written);
  const reader = logs.reader(partition, 0);
  const values: string[] = [];
  for (let position = 0; position < end;) {
    const batch = await reader.next(10);
    expect(batch.nextOffset).toBeGreaterThan(position);
    position = batch.nextOffset;
    values.push(...batch.records.map(({ value }) => String(value)));
  }
  expect(values.filter((value) => value !== 'tick')).toEqual(['5 again']);
});
