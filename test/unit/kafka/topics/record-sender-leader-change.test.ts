/**
 * kafkajs #1303: a request for several brokers loses the records of one of them if its partition moves to a broker that
 * has answered already.
 */
import { Kafka, type Producer } from 'kafkajs';
import { RecordSender, sendTogether } from '../../../../src/kafka/topics/record-sender.js';
import { partitionOfKey } from '../../../../src/kafka/transactions/partitioner.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { startCluster, until, type RealTimeCluster } from '../../../../testkit/simulated-kafka/real-time.js';

const TOPIC = 'sync-events';
const records = Array.from({ length: 20 }, (_, i) => ({
  key: Buffer.from(`company-${i}`),
  value: Buffer.from('value'),
  headers: [],
}));

let real: RealTimeCluster;
beforeEach(async () => {
  real = startCluster();
  real.cluster.createTopic(TOPIC, { partitions: 2 });
  await until('the topic is known', async () => {
    const sender = await RecordSender.connect(real.config, systemClock);
    return sender.send(TOPIC, []).then(
      () => sender.close().then(() => true),
      () => sender.close().then(() => false),
    );
  });
  real.cluster.moveLeader(TOPIC, 0, 1);
  real.cluster.moveLeader(TOPIC, 1, 2);
});
afterEach(() => real.stop());

function keysIn(partition: number): string[] {
  return real.cluster.read(TOPIC, partition, 'read_committed').map(({ key }) => String(key));
}

const expected = (partition: number) =>
  records.map(({ key }) => String(key)).filter((key) => partitionOfKey(Buffer.from(key), 2) === partition);

/** Committed records become readable a moment later. */
async function expectWritten(times: number): Promise<void> {
  for (const partition of [0, 1]) {
    const all = Array.from({ length: times }, () => expected(partition)).flat();
    await until('the records are readable', () => keysIn(partition).length >= all.length);
    expect(keysIn(partition)).toEqual(all);
  }
}

test('every record of a portion is written once, in order, although a leader moves before the portion', async () => {
  const sender = await RecordSender.connect(real.config, systemClock);
  try {
    await sender.send(TOPIC, records);
    real.cluster.moveLeader(TOPIC, 1, 1);
    await sender.send(TOPIC, records);
  } finally {
    await sender.close();
  }
  await expectWritten(2);
});

test('each request of kafkajs is for one partition, so its fault with several brokers cannot happen', async () => {
  const producer = jest.spyOn(Kafka.prototype, 'producer');
  const sender = await RecordSender.connect(real.config, systemClock);
  const send = jest.spyOn(producer.mock.results[0]?.value as Producer, 'send');
  await sender.send(TOPIC, records);
  await sender.close();
  expect(send.mock.calls.map(([{ messages }]) => new Set(messages.map(({ partition }) => partition)).size)).toEqual([
    1, 1,
  ]);
  jest.restoreAllMocks();
});

test('each request of a transaction is for one partition too', async () => {
  const producer = jest.spyOn(Kafka.prototype, 'producer');
  const sizes: number[] = [];
  producer.mockImplementationOnce(function (this: Kafka, options) {
    const made = new Kafka(real.config).producer(options);
    const begin = made.transaction.bind(made);
    made.transaction = async () => {
      const transaction = await begin();
      const send = transaction.send.bind(transaction);
      transaction.send = (request) => {
        sizes.push(new Set(request.messages.map(({ partition }) => partition)).size);
        return send(request);
      };
      return transaction;
    };
    return made;
  });
  await sendTogether(real.config, systemClock, 'repair', TOPIC, records);
  jest.restoreAllMocks();
  expect(sizes).toEqual([1, 1]);
});

test('records of one transaction are all written, whatever their partition', async () => {
  await sendTogether(real.config, systemClock, 'repair', TOPIC, records);
  await expectWritten(1);
});
