/** A log loses records that were read, by an unclean leader election, and then grows past them. */
import { randomUUID } from 'node:crypto';
import { logLevel } from 'kafkajs';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { createTopic, plainClient } from '../support/topics.js';

const RECORDS = 3;

let cluster: Cluster;
let logs: KafkaLogs;

beforeAll(async () => {
  cluster = await startOwnCluster({ brokers: 3, registry: false });
  const config = { brokers: cluster.bootstrap.split(','), clientId: 'test', logLevel: logLevel.NOTHING };
  logs = new KafkaLogs({ config, groupId: randomUUID(), clock: systemClock, onTrouble: () => undefined });
});
afterAll(async () => {
  await logs?.close();
  await cluster?.stop();
});

/** Uses a new producer: an earlier one would try brokers that are gone. */
async function write(topic: string, count: number): Promise<void> {
  const producer = plainClient(cluster.bootstrap, { retry: { retries: 30 } }).producer();
  await producer.connect();
  await producer.send({ topic, messages: Array.from({ length: count }, (_, i) => ({ value: `${i}` })) });
  await producer.disconnect();
}

test('a reader ends after a loss, and the leader reports where the epoch of the lost records ended', async () => {
  const [leader, follower] = cluster.brokers as [Cluster['brokers'][number], Cluster['brokers'][number]];
  const topic = await createTopic(cluster.bootstrap, {
    numPartitions: -1,
    replicationFactor: -1,
    replicaAssignment: [{ partition: 0, replicas: [1, 2] }],
    configEntries: [
      { name: 'min.insync.replicas', value: '1' },
      { name: 'unclean.leader.election.enable', value: 'true' },
    ],
  });
  const partition = { topic, partition: 0 };
  await write(topic, RECORDS);
  await follower.stop();
  await write(topic, RECORDS); // The follower never has these.

  const before = await logs.bounds(partition);
  expect(before.end).toBe(2 * RECORDS);
  const reader = logs.reader(partition, 0, before);
  let position = 0;
  while (position < before.end) {
    const { nextOffset, leaderEpoch } = await reader.next(10);
    expect(leaderEpoch).toBe(before.leaderEpoch);
    position = nextOffset;
  }
  expect(await logs.endOfEpoch(partition, before.leaderEpoch)).toBe(2 * RECORDS);

  const next = reader.next(10);
  const ended = expect(next).rejects.toThrow(`that epoch now ends at ${RECORDS}`);
  await leader.kill();
  await follower.start();
  await write(topic, 3 * RECORDS);
  await ended;

  const { end, leaderEpoch } = await logs.bounds(partition);
  expect(end).toBeGreaterThan(before.end);
  expect(leaderEpoch).toBeGreaterThan(before.leaderEpoch);
  expect(await logs.endOfEpoch(partition, before.leaderEpoch)).toBe(RECORDS);
  expect(await logs.endOfEpoch(partition, leaderEpoch + 1)).toBe(-1);
});
