/** Three brokers: the coordinator of a group or of a transactional id moves to another broker. */
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION } from '../../src/kafka/connection/cluster.js';
import { fetchCommittedOffset } from '../../src/kafka/protocol/committed-offset.js';
import { describeTransaction } from '../../src/kafka/protocol/describe-transaction.js';
import { fetchStableOffset } from '../../src/kafka/protocol/pending-offset.js';
import { NO_ERROR } from '../../src/kafka/protocol/protocol-errors.js';
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  fenceOwnSession,
  findCoordinator,
  initProducerId,
  txnOffsetCommit,
  type ProducerSession,
} from '../../src/kafka/protocol/transaction-requests.js';
import type { TopicPartition } from '../../src/lib/record.js';
import type { BrokerUnderTest } from './broker-under-test.js';
import { TRANSACTION_TIMEOUT_MS, type ClusterUnderTest } from './cluster-under-test.js';
import { Group, NO_GENERATION } from './group-scenarios.js';
import type { Scenario } from './scenario.js';

const POSITION = { offset: 5, leaderEpoch: 0, metadata: 'm' };
const PLACES = [1, 2, 3];

/** Whom each broker names as the coordinator, by its place. */
async function noteCoordinator(
  cluster: ClusterUnderTest,
  kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION,
  key: string,
): Promise<void> {
  for (const place of PLACES) {
    const { errorCode, address } = await cluster.at(place).ask(findCoordinator(kind, key));
    cluster.answers.note(`FindCoordinator at ${place}`, { errorCode, broker: cluster.placeAt(address) });
  }
}

async function noteOffset(cluster: ClusterUnderTest, broker: BrokerUnderTest, groupId: string, log: TopicPartition) {
  cluster.answers.note('stable offset', await broker.ask(fetchStableOffset(groupId, log)));
}

async function noteTransaction(
  cluster: ClusterUnderTest,
  broker: BrokerUnderTest,
  { transactionalId }: ProducerSession,
) {
  const { errorCode, ...described } = await broker.onBroker((connected) =>
    describeTransaction(connected, transactionalId),
  );
  // With an error, the other fields have no meaning.
  cluster.answers.note('DescribeTransactions', errorCode === NO_ERROR ? described : { errorCode });
}

export const COORDINATOR_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'the coordinator of a group moves': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('input', {}, [1, 2, 3]);
    const group = new Group(cluster);
    await cluster.moveCoordinator('group', group.groupId, 1);
    await noteCoordinator(cluster, COORDINATOR_OF_GROUP, group.groupId);
    const member = await group.newMember('first');
    answers.note('JoinGroup', await group.join(member));
    await group.sync(member, 1, { [member]: 'mine' });
    await group.commit(log.topic, member, 1);
    await cluster.moveCoordinator('group', group.groupId, 2);
    await noteCoordinator(cluster, COORDINATOR_OF_GROUP, group.groupId);
    for (const place of [1, 3]) {
      const broker = cluster.at(place).once;
      const elsewhere = group.askedAt(broker);
      answers.note('JoinGroup', await elsewhere.join(member));
      answers.note('JoinGroup without an id', await elsewhere.join(''));
      await elsewhere.sync(member, 1);
      answers.note('Heartbeat', await elsewhere.heartbeat(member, 1));
      await elsewhere.commit(log.topic, member, 1);
      await elsewhere.commit(log.topic, '', NO_GENERATION);
      await elsewhere.leave(member);
      await noteOffset(cluster, broker, group.groupId, log);
    }
    const moved = group.askedAt(cluster.at(2));
    await noteOffset(cluster, cluster.at(2), group.groupId, log);
    answers.note('Heartbeat', await moved.heartbeat(member, 1));
    await moved.commit(log.topic, member, 1);
    await moved.sync(member, 1);
    answers.note('JoinGroup', await moved.join(member));
    await moved.sync(member, 2, { [member]: 'again' });
    await cluster.moveCoordinator('group', group.groupId, 1);
    await noteOffset(cluster, cluster, group.groupId, log);
    answers.note('Heartbeat', await group.heartbeat(member, 2));
    await group.leave(member);
    await noteOffset(cluster, cluster, group.groupId, log);
  },
  'the coordinator of a transaction moves': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', {}, [3, 1, 2]);
    const group = cluster.name('group');
    const id = cluster.name('writer');
    await cluster.moveCoordinator('group', group, 3);
    await cluster.moveCoordinator('transaction', id, 1);
    const writer = await cluster.session('writer');
    answers.note('AddPartitionsToTxn', await cluster.whenDecided(addPartitionsToTxn(writer, [log])));
    answers.note('Produce a', await cluster.at(3).produce(writer, log, 0, ['a']));
    await cluster.moveCoordinator('transaction', id, 2);
    await noteCoordinator(cluster, COORDINATOR_OF_TRANSACTION, id);
    const former = cluster.at(1).once;
    answers.note('AddPartitionsToTxn', await former.ask(addPartitionsToTxn(writer, [log])));
    answers.note('AddOffsetsToTxn', await former.ask(addOffsetsToTxn(writer, group)));
    answers.note('EndTxn', await former.ask(endTxn(writer, 'commit')));
    answers.note('InitProducerId', await former.ask(initProducerId(id, TRANSACTION_TIMEOUT_MS)));
    answers.note('fence', await former.ask(fenceOwnSession(writer, TRANSACTION_TIMEOUT_MS)));
    await noteTransaction(cluster, former, writer);
    const moved = cluster.at(2);
    answers.note('AddOffsetsToTxn', await moved.whenDecided(addOffsetsToTxn(writer, group)));
    answers.note('TxnOffsetCommit', await cluster.at(3).ask(txnOffsetCommit(writer, group, log, POSITION)));
    await noteOffset(cluster, cluster.at(3), group, log);
    await cluster.moveCoordinator('group', group, 1);
    answers.note('TxnOffsetCommit', await cluster.at(3).once.ask(txnOffsetCommit(writer, group, log, POSITION)));
    await noteOffset(cluster, cluster.at(1), group, log);
    await noteTransaction(cluster, moved, writer);
    answers.note('EndTxn', await moved.whenDecided(endTxn(writer, 'commit')));
    await cluster.readable(log, 3, 2);
    await cluster.until(
      'no offset is pending',
      async () => (await cluster.ask(fetchStableOffset(group, log))).errorCode === NO_ERROR,
    );
    await noteOffset(cluster, cluster.at(1), group, log);
    answers.note('OffsetFetch', await cluster.onBroker((broker) => fetchCommittedOffset(broker, group, log)));
    answers.note('Fetch', await cluster.at(3).fetch(log, 0));
    answers.note('EndTxn again', await moved.whenDecided(endTxn(writer, 'commit')));
    await cluster.moveCoordinator('transaction', id, 3);
    const next = await cluster.at(3).whenDecided(initProducerId(id, TRANSACTION_TIMEOUT_MS));
    answers.note('InitProducerId', next);
    answers.note('EndTxn of the former session', await cluster.at(3).whenDecided(endTxn(writer, 'commit')));
    await noteTransaction(cluster, cluster.at(3), writer);
  },
};
