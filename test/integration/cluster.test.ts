import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { KAFKA_VERSION, registryReleases } from '../../testkit/cluster/versions.js';

const CONSUMER_GROUP_COMMAND = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';

test('the test cluster creates a topic, keeps produced records and returns them', async () => {
  const { bootstrap } = currentCluster();
  const topic = `smoke-${randomUUID()}`;
  await createTopic(bootstrap, topic, 1);
  await produce(bootstrap, topic, ['first', 'second']);
  expect(await consume(bootstrap, topic, 2)).toEqual(['first', 'second']);
});

test("the run's registry speaks the Confluent API: subjects, and 40403 for an id that it does not have", async () => {
  const { registryUrl } = currentCluster();
  const subjects = await fetch(`${registryUrl}/subjects`);
  expect(Array.isArray(await subjects.json())).toBe(true);
  const unknown = await fetch(`${registryUrl}/schemas/ids/987654321`);
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ error_code: 40403 });
});

test("Kafka's own tool sets a group's offset", async () => {
  const { bootstrap, kafkaTool } = currentCluster();
  const topic = `smoke-${randomUUID()}`;
  await createTopic(bootstrap, topic, 1);
  await produce(bootstrap, topic, ['a', 'b', 'c']);
  await kafkaTool(CONSUMER_GROUP_COMMAND, [
    ...['--group', topic, '--topic', `${topic}:0`, '--reset-offsets', '--to-offset', '2', '--execute'],
  ]);
  const admin = client(bootstrap).admin();
  await admin.connect();
  const offsets = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
  await admin.disconnect();
  expect(offsets[0]?.partitions[0]?.offset).toBe('2');
});

test('a broker killed with -9 and the registry come back on their ports with what they held', async () => {
  const cluster = await startOwnCluster();
  try {
    const { bootstrap, registryUrl, brokers, registry } = cluster;
    await createTopic(bootstrap, 'kept', 1);
    await produce(bootstrap, 'kept', ['before']);
    const registered = await fetch(`${registryUrl}/subjects/kept-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: '"string"' }),
    });
    expect(registered.status).toBe(200);

    await Promise.all([brokers[0]?.kill(), registry?.stop()]);
    await expect(fetch(`${registryUrl}/subjects`)).rejects.toThrow();
    await Promise.all([brokers[0]?.start(), registry?.start()]);

    await produce(bootstrap, 'kept', ['after']);
    expect(await consume(bootstrap, 'kept', 2)).toEqual(['before', 'after']);
    expect(await (await fetch(`${registryUrl}/subjects`)).json()).toEqual(['kept-value']);
  } finally {
    await cluster.stop();
  }
}, 300_000);

test('docker-compose.yml runs the Kafka and the registry that the tests run', async () => {
  const compose = await readFile('docker-compose.yml', 'utf8');
  expect(compose).toContain(`image: apache/kafka:${KAFKA_VERSION}\n`);
  expect(compose).toContain(`image: apicurio/apicurio-registry:${registryReleases[0].version}\n`);
});

function client(bootstrap: string): Kafka {
  return new Kafka({ clientId: 'smoke', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
}

async function createTopic(bootstrap: string, topic: string, numPartitions: number): Promise<void> {
  const admin = client(bootstrap).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  await admin.disconnect();
}

async function produce(bootstrap: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = client(bootstrap).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

/** The first `count` values of the topic. */
async function consume(bootstrap: string, topic: string, count: number): Promise<string[]> {
  const consumer = client(bootstrap).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: ({ message }) => {
          values.push(String(message.value));
          if (values.length === count) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return values;
}
