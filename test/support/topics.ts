/** Creates and reads topics of the test cluster with a plain kafkajs client. */
import { Kafka, logLevel, type ITopicConfig, type KafkaConfig, type KafkaMessage } from 'kafkajs';
import { randomUUID } from 'node:crypto';

export type CommittedRecord = KafkaMessage & { readonly partition: number };

export function plainClient(bootstrap: string, settings: Partial<KafkaConfig> = {}): Kafka {
  return new Kafka({ clientId: 'test', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, ...settings });
}

/** Creates a topic with a name that no other test has, and returns the name. */
export async function createTopic(bootstrap: string, config: Omit<ITopicConfig, 'topic'> = {}): Promise<string> {
  const topic = `test-${randomUUID()}`;
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ numPartitions: 1, ...config, topic }], waitForLeaders: true });
  } finally {
    await admin.disconnect();
  }
  return topic;
}

/**
 * Everything that a read_committed consumer sees of a topic up to now. A marker record in each partition, written
 * without a transaction, shows where to stop. It becomes visible only once all transactions before it have ended.
 */
export async function readCommitted(bootstrap: string, topic: string): Promise<CommittedRecord[]> {
  const client = plainClient(bootstrap);
  const marker = Buffer.from(randomUUID());
  const partitions = await writeToEachPartition(client, topic, marker);
  const consumer = client.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 20 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise<CommittedRecord[]>((resolve, reject) => {
      const records: CommittedRecord[] = [];
      let markersLeft = partitions;
      const eachMessage = ({ message, partition }: { message: KafkaMessage; partition: number }) => {
        if (message.value?.equals(marker) === true) markersLeft--;
        else if (message.headers?.['marker'] === undefined) records.push({ ...message, partition });
        if (markersLeft === 0) resolve(records);
        return Promise.resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

async function writeToEachPartition(client: Kafka, topic: string, value: Buffer): Promise<number> {
  const admin = client.admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.disconnect();
  const partitions = topics[0]?.partitions.map(({ partitionId }) => partitionId) ?? [];
  const producer = client.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({
    topic,
    messages: partitions.map((partition) => ({ partition, value, headers: { marker: '' } })),
  });
  await producer.disconnect();
  return partitions.length;
}
