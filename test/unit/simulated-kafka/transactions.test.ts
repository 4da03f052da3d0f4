import { BrokerConnections } from '../../../src/kafka/connection/broker-connections.js';
import { COORDINATOR_OF_TRANSACTION } from '../../../src/kafka/connection/cluster.js';
import { ClusterView } from '../../../src/kafka/connection/cluster-view.js';
import { describeTransaction } from '../../../src/kafka/protocol/describe-transaction.js';
import type { ProtocolCall } from '../../../src/kafka/protocol/protocol-call.js';
import { ERROR_CODES, NO_ERROR } from '../../../src/kafka/protocol/protocol-errors.js';
import { addPartitionsToTxn, endTxn, initProducerId } from '../../../src/kafka/protocol/transaction-requests.js';
import { KafkaLogs } from '../../../src/kafka/reading/kafka-logs.js';
import { kafkaTransactions } from '../../../src/kafka/transactions/transactions.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { NO_HEADERS, type RecordToWrite } from '../../../src/lib/record.js';
import { FencedError } from '../../../src/pipeline/errors.js';
import type { TransactionalProducer } from '../../../src/pipeline/ports.js';
import type { ClusterOptions } from '../../../testkit/simulated-kafka/index.js';
import { startCluster, until } from '../../../testkit/simulated-kafka/real-time.js';

const input = { topic: 'input', partition: 0 };
const output = { topic: 'output', partition: 1 };
const TRANSACTION_TIMEOUT_MS = 60_000;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** An application whose own classes talk to a simulated cluster. */
function start(options: Partial<ClusterOptions> = {}) {
  const real = startCluster(options);
  endings.push(() => real.stop());
  real.cluster.createTopic('input');
  real.cluster.createTopic('output', { partitions: 2 });
  const view = new ClusterView(real.config, systemClock);
  const connections = new BrokerConnections(real.config, systemClock);
  const clock = systemClock;
  const transactions = kafkaTransactions(real.config, {
    cluster: view,
    groupId: 'group',
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    clock,
  });
  const logs = new KafkaLogs({ config: real.config, groupId: 'group', clock, onTrouble: () => undefined });
  endings.push(
    () => view.close(),
    () => connections.close(),
    () => logs.close(),
  );
  return {
    ...real,
    logs,
    fence: async (): Promise<TransactionalProducer> => {
      const producer = await transactions.fence('id');
      endings.push(() => producer.discard());
      return producer;
    },
    ask: async <T extends object>(call: ProtocolCall<T>): Promise<T> => {
      const { address } = await view.coordinatorOf(COORDINATOR_OF_TRANSACTION, 'id');
      return connections.ask(address, (broker) => broker.connectionPool.send(call));
    },
    describe: async () => {
      const { address } = await view.coordinatorOf(COORDINATOR_OF_TRANSACTION, 'id');
      return connections.ask(address, (broker) => describeTransaction(broker, 'id'));
    },
    visible: (): string[] =>
      real.cluster.read(output.topic, output.partition, 'read_committed').map(({ value }) => String(value)),
  };
}

function records(...values: string[]): RecordToWrite[] {
  return values.map((value) => ({ key: Buffer.from('key'), value: Buffer.from(value), headers: NO_HEADERS }));
}

test('committed records and their offset become visible, and aborted ones do not', async () => {
  const app = start();
  const aborting = await app.fence();
  await aborting.begin([output]);
  await aborting.produce(output, records('aborted'));
  await aborting.sendOffset(input, { offset: 5, leaderEpoch: 0 });

  const producer = await app.fence();
  expect(await app.logs.committedOffset(input)).toBeNull();
  await producer.begin([output]);
  await producer.produce(output, records('a', 'b'));
  expect(app.visible()).toEqual([]);
  await producer.sendOffset(input, { offset: 7, leaderEpoch: 0 });
  expect(await app.logs.pendingOffset(input)).toMatchObject({ isPending: true });
  await producer.commit();
  await until('the committed records are visible', () => app.visible().length > 0);

  const reader = app.logs.reader(output, 0);
  const read: string[] = [];
  while (read.length < 2) read.push(...(await reader.next(10)).records.map(({ value }) => String(value)));
  reader.close();
  expect(read).toEqual(['a', 'b']);
  expect(await app.logs.committedOffset(input)).toEqual({ offset: 7, leaderEpoch: 0 });
  expect(await app.logs.pendingOffset(input)).toEqual({ isPending: false, byMost: true });
});

test('a fenced producer can neither write nor commit', async () => {
  const app = start();
  const former = await app.fence();
  await former.begin([output]);
  await app.fence();
  await expect(former.produce(output, records('late'))).rejects.toThrow(FencedError);
  expect(app.cluster.read(output.topic, output.partition, 'read_uncommitted')).toEqual([]);
});

test('until the markers are written, the coordinator refuses the next transaction', async () => {
  const app = start({ replication: 1 });
  const { topic, partition } = app.cluster.coordinatorPartition('transaction', 'id');
  const coordinator = app.cluster.partition(topic, partition).leader;
  // The partitions are on different brokers.
  const written = [0, 1]
    .map((each) => ({ topic: 'output', partition: each }))
    .filter((each) => app.cluster.partition('output', each.partition).leader !== coordinator)[0]!;
  const { leader } = app.cluster.partition('output', written.partition);
  const { producerId, producerEpoch } = await app.ask(initProducerId('id', TRANSACTION_TIMEOUT_MS));
  const session = { transactionalId: 'id', producerId, producerEpoch };
  expect(await app.ask(addPartitionsToTxn(session, [written]))).toMatchObject({ errorCode: NO_ERROR });
  app.cluster.cutOff(leader);
  expect(await app.ask(endTxn(session, 'commit'))).toMatchObject({ errorCode: NO_ERROR });
  expect(await app.describe()).toMatchObject({ state: 'PrepareCommit' });
  const refused = { errorCode: ERROR_CODES.CONCURRENT_TRANSACTIONS };
  expect(await app.ask(addPartitionsToTxn(session, [written]))).toMatchObject(refused);
  expect(await app.ask(initProducerId('id', TRANSACTION_TIMEOUT_MS))).toMatchObject(refused);
  app.cluster.reconnect(leader);
  await until('the markers are written', async () => (await app.describe()).state === 'CompleteCommit');
  expect(await app.ask(addPartitionsToTxn(session, [written]))).toMatchObject({ errorCode: NO_ERROR });
});

test('the coordinator aborts a transaction that is over its time, and fences its producer', async () => {
  const app = start({ delays: { expiry: 20 } });
  const { producerId, producerEpoch } = await app.ask(initProducerId('id', 50));
  const session = { transactionalId: 'id', producerId, producerEpoch };
  await app.ask(addPartitionsToTxn(session, [output]));
  await until('the transaction has expired', async () => (await app.describe()).state === 'CompleteAbort');
  expect(await app.describe()).toMatchObject({ producerId, producerEpoch: producerEpoch + 1 });
  expect(await app.ask(endTxn(session, 'commit'))).toMatchObject({ errorCode: ERROR_CODES.INVALID_PRODUCER_EPOCH });
});

test('a new coordinator knows the transactions of the former one', async () => {
  const app = start();
  const producer = await app.fence();
  await producer.begin([output]);
  await producer.produce(output, records('a'));
  const { topic, partition } = app.cluster.coordinatorPartition('transaction', 'id');
  const { leader, inSync } = app.cluster.partition(topic, partition);
  app.cluster.moveCoordinator(
    'transaction',
    'id',
    inSync.find((id) => id !== leader)!,
  );
  await until('the state is loaded', async () => (await app.describe().catch(() => null))?.state === 'Ongoing');
  await app.fence();
  expect(await app.describe()).toMatchObject({ state: 'Empty', producerEpoch: 2 });
  expect(app.visible()).toEqual([]);
});
