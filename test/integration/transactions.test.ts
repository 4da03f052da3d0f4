import { logLevel } from 'kafkajs';
import { randomBytes, randomUUID } from 'node:crypto';
import { COORDINATOR_OF_TRANSACTION, createCluster, type KafkaConfig } from '../../src/kafka/connection/cluster.js';
import { produce } from '../../src/kafka/protocol/produce-request.js';
import { cutBatch, nextSequence } from '../../src/kafka/protocol/record-batch-encoder.js';
import type { ConnectedBroker } from '../../src/kafka/protocol/protocol-call.js';
import { describeTransaction } from '../../src/kafka/protocol/describe-transaction.js';
import { LastOutcomes } from '../../src/kafka/transactions/last-outcomes.js';
import { addPartitionsToTxn, endTxn, initProducerId } from '../../src/kafka/protocol/transaction-requests.js';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { kafkaTransactions } from '../../src/kafka/transactions/transactions.js';
import { NO_HEADERS, type RecordToWrite, type TopicPartition } from '../../src/lib/record.js';
import { BrokerError, FencedError, RecordTooLargeError } from '../../src/pipeline/errors.js';
import type { TransactionalProducer, Transactions } from '../../src/pipeline/ports.js';
import { currentCluster } from '../support/current-cluster.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { createTopic, plainClient, readCommitted } from '../support/topics.js';
import { SteppedClock } from '../support/clocks.js';

const { bootstrap } = currentCluster();
const config: KafkaConfig = { brokers: bootstrap.split(','), clientId: 'test', logLevel: logLevel.NOTHING };

/** One application: its input and output topic, group and transactional id, and the producers to discard. */
class Application {
  readonly groupId = `group-${randomUUID()}`;
  readonly transactionalId = `id-${randomUUID()}`;
  readonly input: TopicPartition;
  readonly output: TopicPartition;
  readonly #transactions: Transactions;
  readonly #producers: TransactionalProducer[] = [];
  readonly #cluster = new ClusterView(config, systemClock);

  private constructor(input: string, output: string) {
    this.input = { topic: input, partition: 0 };
    this.output = { topic: output, partition: 0 };
    this.#transactions = kafkaTransactions(config, {
      cluster: this.#cluster,
      groupId: this.groupId,
      transactionTimeoutMs: 600_000, // longer than any test: none passes because the broker gave a transaction up
      clock: systemClock,
    });
  }

  static async create(outputConfig: Parameters<typeof createTopic>[1] = {}): Promise<Application> {
    return new Application(await createTopic(bootstrap), await createTopic(bootstrap, outputConfig));
  }

  async fence(): Promise<TransactionalProducer> {
    const producer = await this.#transactions.fence(this.transactionalId);
    this.#producers.push(producer);
    return producer;
  }

  /** A producer with an open transaction that includes the output partition. */
  async begun(): Promise<TransactionalProducer> {
    const producer = await this.fence();
    await producer.begin([this.output]);
    return producer;
  }

  async visibleValues(): Promise<string[]> {
    return (await readCommitted(bootstrap, this.output.topic)).map(({ value }) => String(value));
  }

  async committedOffset(): Promise<string | undefined> {
    const admin = plainClient(bootstrap).admin();
    await admin.connect();
    const [offsets] = await admin.fetchOffsets({ groupId: this.groupId, topics: [this.input.topic] });
    await admin.disconnect();
    return offsets?.partitions[0]?.offset;
  }

  async close(): Promise<void> {
    await Promise.all(this.#producers.map((producer) => producer.discard()));
  }
}

const applications: Application[] = [];

async function application(outputConfig?: Parameters<typeof createTopic>[1]): Promise<Application> {
  const created = await Application.create(outputConfig);
  applications.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(applications.splice(0).map((created) => created.close()));
});

function records(...values: string[]): RecordToWrite[] {
  return values.map((value) => ({
    key: Buffer.from(`key of ${value}`),
    value: Buffer.from(value),
    headers: NO_HEADERS,
  }));
}

test('committed records are visible as they were written: place, key, value, headers, time of writing', async () => {
  const app = await application({ numPartitions: 2 });
  const { output } = app;
  const other = { ...output, partition: 1 };
  const headers = [
    { key: 'twice', value: Buffer.from('1') },
    { key: 'twice', value: Buffer.from('2') },
    { key: 'binary', value: Buffer.from([0, 255]) },
    { key: 'null', value: null },
  ];
  const producer = await app.fence();
  const before = Date.now();
  await producer.begin([output, other]);
  const ends = await Promise.all([
    producer.produce(output, [...records('a', 'b'), { key: null, value: null, headers }]),
    producer.produce(other, records('c')),
  ]);
  await producer.commit();
  const after = Date.now();

  expect(ends).toEqual([3, 1]);
  const visible = await readCommitted(bootstrap, output.topic);
  const place = (r: { partition: number; offset: string }) => `${r.partition}/${r.offset}`;
  const byPlace = new Map(visible.map((record) => [place(record), record]));
  expect([...byPlace.keys()].sort()).toEqual(['0/0', '0/1', '0/2', '1/0']);
  expect(byPlace.get('0/0')).toMatchObject({ key: Buffer.from('key of a'), value: Buffer.from('a'), headers: {} });
  expect(byPlace.get('0/1')).toMatchObject({ value: Buffer.from('b') });
  expect(byPlace.get('1/0')).toMatchObject({ value: Buffer.from('c') });
  expect(byPlace.get('0/2')).toMatchObject({
    key: null,
    value: null,
    headers: { twice: [Buffer.from('1'), Buffer.from('2')], binary: Buffer.from([0, 255]), null: null },
  });
  for (const { timestamp } of visible) {
    expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
    expect(Number(timestamp)).toBeLessThanOrEqual(after);
  }
});

test('the next transaction continues after the marker of the last one', async () => {
  const app = await application();
  const producer = await app.begun();
  expect(await producer.produce(app.output, records('a', 'b'))).toBe(2);
  await producer.commit();
  await producer.begin([app.output]);
  expect(await producer.produce(app.output, records('c'))).toBe(4);
  expect(await producer.produce(app.output, records('d'))).toBe(5);
  await producer.commit();
  expect(await app.visibleValues()).toEqual(['a', 'b', 'c', 'd']);
});

test('records of a discarded producer are never seen, and readers do not wait for the next owner', async () => {
  const app = await application();
  const producer = await app.begun();
  await producer.produce(app.output, records('never'));
  await producer.discard();
  expect(await app.visibleValues()).toEqual([]);
});

test('a transaction that its owner gives up between DescribeTransactions and fencing does not count as committed', async () => {
  const app = await application();
  const { transactionalId, output } = app;
  const cluster = createCluster(config);
  try {
    await cluster.connect();
    const coordinator = (await cluster.findGroupCoordinator({
      groupId: transactionalId,
      coordinatorType: COORDINATOR_OF_TRANSACTION,
    })) as ConnectedBroker;
    const timeoutMs = 60_000;
    const describe = () => describeTransaction(coordinator, transactionalId);
    const fence = () => coordinator.connectionPool.send(initProducerId(transactionalId, timeoutMs));
    const committing = await app.begun();
    await committing.produce(output, records('a'));
    await committing.commit();
    await pollUntil(async () => (await describe()).state === 'CompleteCommit', {
      awaited: 'it is over',
      timeoutMs: 10_000,
    });

    const outcomes = new LastOutcomes(timeoutMs);
    outcomes.note(transactionalId, await describe());
    await committing.begin([output]);
    await committing.produce(output, records('b'));
    await committing.discard();
    await pollUntil(async () => (await describe()).state === 'CompleteAbort', {
      awaited: 'it is over',
      timeoutMs: 10_000,
    });

    expect(outcomes.afterFencing(transactionalId, await fence())).toBeNull();
    expect(await app.visibleValues()).toEqual(['a']);
  } finally {
    await cluster.disconnect();
  }
});

test('fencing ends the transaction of the former owner', async () => {
  const app = await application();
  const zombie = await app.begun();
  await zombie.produce(app.output, records('never'));
  await app.fence();
  expect(await app.visibleValues()).toEqual([]);
});

describe('a fenced owner', () => {
  const attempts: Record<string, (zombie: TransactionalProducer, app: Application) => Promise<unknown>> = {
    produce: (zombie, app) => zombie.produce(app.output, records('zombie')),
    sendOffset: (zombie, app) => zombie.sendOffset(app.input, { offset: 7, leaderEpoch: -1 }),
    commit: (zombie) => zombie.commit(),
  };

  test.each(Object.entries(attempts))('cannot %s', async (_name, attempt) => {
    const app = await application();
    const zombie = await app.begun();
    await zombie.produce(app.output, records('never'));
    const owner = await app.begun();
    await expect(attempt(zombie, app)).rejects.toThrow(FencedError);

    await owner.produce(app.output, records('owner'));
    await owner.sendOffset(app.input, { offset: 1, leaderEpoch: -1 });
    await owner.commit();
    expect(await app.visibleValues()).toEqual(['owner']);
    expect(await app.committedOffset()).toBe('1');
  });

  test('does not end a transaction of the new owner when it gives its own up', async () => {
    const app = await application();
    const zombie = await app.begun();
    const owner = await app.begun();
    await owner.produce(app.output, records('owner'));
    await zombie.discard();
    await owner.commit();
    expect(await app.visibleValues()).toEqual(['owner']);
  });

  test('cannot begin', async () => {
    const app = await application();
    const zombie = await app.fence();
    await app.fence();
    await expect(zombie.begin([app.output])).rejects.toThrow(FencedError);
  });
});

test("the group's offset moves with the commit, and only with it", async () => {
  const app = await application();
  const first = await app.begun();
  await first.produce(app.output, records('a'));
  await first.sendOffset(app.input, { offset: 5, leaderEpoch: -1 });
  await first.commit();

  const second = await app.begun();
  await second.sendOffset(app.input, { offset: 9, leaderEpoch: -1 });
  await second.discard();

  const third = await app.fence();
  expect(await app.committedOffset()).toBe('5');
  await third.begin([app.output]);
  await third.sendOffset(app.input, { offset: 9, leaderEpoch: -1 });
  await third.commit();
  await app.fence();
  expect(await app.committedOffset()).toBe('9');
});

describe('a topic with a low limit', () => {
  const little = { configEntries: [{ name: 'max.message.bytes', value: '20000' }] };
  const ofBytes = (bytes: number) => ({ key: null, value: Buffer.alloc(bytes, 'x'), headers: NO_HEADERS });

  test('refuses a record that is too large, with its name, and nothing of the transaction is seen', async () => {
    const app = await application(little);
    const large = { key: null, value: randomBytes(30_000), headers: NO_HEADERS };
    const first = await app.begun();
    await expect(first.produce(app.output, [large])).rejects.toThrow(
      /30\d{3} bytes does not fit .*: it will be compressed/,
    );
    await first.discard();
    const producer = await app.begun();
    await producer.produce(app.output, records('small'));
    const refused = await producer.produce(app.output, [large]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RecordTooLargeError);
    expect(refused).toMatchObject({ topic: app.output.topic });
    expect((refused as RecordTooLargeError).bytes).toBeGreaterThan(30_000);
    await expect(producer.commit()).rejects.toBe(refused);
    await producer.discard();
    expect(await app.visibleValues()).toEqual([]);
  });

  test('gets a record that fits only compressed, and a reader sees it unchanged', async () => {
    const app = await application(little);
    const first = await app.begun();
    await expect(first.produce(app.output, [ofBytes(30_000)])).rejects.toThrow(BrokerError);
    await first.discard();
    const producer = await app.begun();
    await producer.produce(app.output, [...records('before'), ofBytes(30_000), ...records('after')]);
    await producer.commit();
    expect(await app.visibleValues()).toEqual(['before', 'x'.repeat(30_000), 'after']);
  });

  test('gets smaller batches from the producers after a refusal', async () => {
    const app = await application(little);
    const fitting = Array.from({ length: 20 }, () => ofBytes(9_000));
    let refusals = 0;
    for (let done = false; !done;) {
      const producer = await app.begun();
      done = await producer.produce(app.output, fitting).then(
        () => true,
        async (error: unknown) => {
          expect(error).toBeInstanceOf(BrokerError);
          refusals++;
          await producer.discard();
          return false;
        },
      );
      if (done) await producer.commit();
    }
    expect(refusals).toBe(3); // batches of 180, 81 and 36 kB
    expect(await app.visibleValues()).toHaveLength(20);
  });
});

test('many transactions, some of several batches, keep the order of all records', async () => {
  const app = await application();
  const producer = await app.fence();
  const written: string[] = [];
  for (let transaction = 0; transaction < 30; transaction++) {
    const count = transaction % 10 === 5 ? 2_500 : 3; // 2.5 MB in one transaction, or next to nothing
    const values = Array.from({ length: count }, (_, i) => `${transaction}/${i}/`.padEnd(1_000, '.'));
    await producer.begin([app.output]);
    await producer.produce(app.output, records(...values));
    await producer.sendOffset(app.input, { offset: transaction, leaderEpoch: -1 });
    await producer.commit();
    written.push(...values);
  }
  expect(await app.visibleValues()).toEqual(written);
});

test('a broker accepts sequence numbers that start again at 0', async () => {
  const app = await application();
  const cluster = createCluster(config);
  try {
    const { transactionalId, output } = app;
    await cluster.connect();
    await cluster.addMultipleTargetTopics([output.topic]);
    const coordinator = await cluster.findGroupCoordinator({
      groupId: transactionalId,
      coordinatorType: COORDINATOR_OF_TRANSACTION,
    });
    const leader = await cluster.findBroker({
      nodeId: cluster.findTopicPartitionMetadata(output.topic)[0]?.leader ?? -1,
    });
    const { producerId, producerEpoch } = await coordinator.connectionPool.send(
      initProducerId(transactionalId, 60_000),
    );
    const session = { transactionalId, producerId, producerEpoch };
    await coordinator.connectionPool.send(addPartitionsToTxn(session, [output]));

    let firstSequence = 2 ** 31 - 3;
    for (const batch of [records('a', 'b', 'c', 'd', 'e'), records('f')]) {
      const origin = { producerId, producerEpoch, firstSequence, timestamp: Date.now() };
      const cut = cutBatch(batch, 0, 1_000_000, 100);
      const request = { transactionalId, to: output, records: batch, start: 0, cut, origin, timeoutMs: 30_000 };
      expect(await leader.connectionPool.send(produce(request))).toMatchObject({ errorCode: 0 });
      firstSequence = nextSequence(firstSequence, batch.length);
    }
    expect(firstSequence).toBe(3);
    await coordinator.connectionPool.send(endTxn(session, 'commit'));
    expect(await app.visibleValues()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  } finally {
    await cluster.disconnect();
  }
});

test('a write to a topic that does not exist fails', async () => {
  const app = await application();
  const producer = await app.fence();
  const missing = { topic: `missing-${randomUUID()}`, partition: 0 };
  await expect(producer.begin([missing])).rejects.toThrow(BrokerError);
});

test('an address where nothing listens is skipped; if nothing listens at any address, fencing fails with a BrokerError', async () => {
  const options = { groupId: `group-${randomUUID()}`, transactionTimeoutMs: 60_000 };
  const nowhere = '127.0.0.1:1';
  const half = { ...config, brokers: [nowhere, ...bootstrap.split(',')] };
  const cluster = new ClusterView(half, systemClock);
  const some = kafkaTransactions(half, { ...options, cluster, clock: systemClock });
  const producer = await some.fence(`id-${randomUUID()}`);
  await Promise.all([producer.discard(), cluster.close()]);

  const hasty = new SteppedClock();
  const unreachable = { ...config, brokers: [nowhere] };
  const view = new ClusterView(unreachable, hasty);
  const none = kafkaTransactions(unreachable, { ...options, cluster: view, clock: hasty });
  await expect(none.fence('id')).rejects.toThrow(BrokerError);
  await view.close();
});
