import { startCluster, type RealTimeCluster } from '../../../testkit/simulated-kafka/real-time.js';

let real: RealTimeCluster;
beforeEach(() => {
  real = startCluster();
});
afterEach(() => real.stop());

test('a kafkajs client creates a topic, produces to it and consumes from it', async () => {
  const admin = real.kafka.admin();
  await admin.createTopics({ topics: [{ topic: 'letters', numPartitions: 2, replicationFactor: 3 }] });
  const { topics } = await admin.fetchTopicMetadata({ topics: ['letters'] });
  expect(topics[0]?.partitions.map(({ isr }) => isr.length)).toEqual([3, 3]);

  const producer = real.kafka.producer();
  await producer.connect();
  await producer.send({
    topic: 'letters',
    messages: ['a', 'b', 'c'].map((value) => ({ value, partition: 1 })),
  });
  expect(real.cluster.read('letters', 1, 'read_committed').map(({ value }) => String(value))).toEqual(['a', 'b', 'c']);
  expect(await admin.fetchTopicOffsets('letters')).toEqual(
    expect.arrayContaining([{ partition: 1, offset: '3', low: '0', high: '3' }]),
  );

  const consumer = real.kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['letters'], fromBeginning: true });
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = ({ message }: { message: { value: Buffer | null } }): Promise<void> => {
      seen.push(String(message.value));
      if (seen.length === 3) resolve();
      return Promise.resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  expect(seen).toEqual(['a', 'b', 'c']);
  await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
});

test('a topic has the replicas that its creator has chosen', async () => {
  const admin = real.kafka.admin();
  const replicaAssignment = [{ partition: 0, replicas: [3, 1] }];
  await admin.createTopics({
    topics: [{ topic: 'placed', numPartitions: -1, replicationFactor: -1, replicaAssignment }],
  });
  expect(real.cluster.partition('placed', 0)).toMatchObject({ leader: 3, replicas: [3, 1] });
  await admin.disconnect();
});
