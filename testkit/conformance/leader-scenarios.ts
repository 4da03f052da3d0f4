/** Three brokers: leaders move, follow late, and lose records. */
import { describeProducers } from '../../src/kafka/protocol/describe-producers.js';
import {
  EARLIEST,
  LATEST,
  listOffset,
  READ_COMMITTED,
  READ_UNCOMMITTED,
} from '../../src/kafka/protocol/list-offsets.js';
import { offsetForLeaderEpoch } from '../../src/kafka/protocol/offset-for-leader-epoch.js';
import { addPartitionsToTxn, endTxn, type ProducerSession } from '../../src/kafka/protocol/transaction-requests.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { deleteRecordsApi } from '../simulated-kafka/wire/admin-apis.js';
import { describeLogDirsApi } from '../simulated-kafka/wire/log-apis.js';
import type { ClusterUnderTest } from './cluster-under-test.js';
import type { Scenario } from './scenario.js';

const NO_EPOCH = -1;
const SHORT_MS = 1_000;
const ALL = -1;
const LEADER = 1;

/** A session whose coordinator is the first broker. */
async function session(cluster: ClusterUnderTest, base: string): Promise<ProducerSession> {
  await cluster.moveCoordinator('transaction', cluster.name(base), 1);
  return cluster.session(base);
}

async function noteState(cluster: ClusterUnderTest, log: TopicPartition, id: number): Promise<void> {
  cluster.answers.note(`Metadata at ${id}`, await cluster.stateAt(id, log));
}

async function noteOffsets(cluster: ClusterUnderTest, log: TopicPartition, id: number, epoch: number): Promise<void> {
  const { answers } = cluster;
  const broker = cluster.at(id);
  for (const timestamp of [EARLIEST, LATEST])
    answers.note(`ListOffsets at ${id}`, await broker.ask(listOffset(log, epoch, timestamp, READ_COMMITTED)));
  answers.note(`ListOffsets, all, at ${id}`, await broker.ask(listOffset(log, epoch, LATEST, READ_UNCOMMITTED)));
}

async function noteEpochs(cluster: ClusterUnderTest, log: TopicPartition, id: number, epochs: number[]): Promise<void> {
  for (const epoch of epochs)
    cluster.answers.note(
      `end of ${epoch} at ${id}`,
      await cluster.at(id).ask(offsetForLeaderEpoch(log, NO_EPOCH, epoch)),
    );
}

async function noteFetch(cluster: ClusterUnderTest, log: TopicPartition, id: number, epoch: number, from = 0) {
  cluster.answers.note(`Fetch ${from} at ${id}, epoch ${epoch}`, await cluster.at(id).fetch(log, from, epoch));
}

async function noteProducers(cluster: ClusterUnderTest, log: TopicPartition, id: number): Promise<void> {
  const answer = await cluster.at(id).onBroker((broker) => describeProducers(broker, log));
  cluster.answers.note(`DescribeProducers at ${id}`, answer);
}

/** The bytes of the log that a broker has, whether it leads or follows. */
async function bytesAt(cluster: ClusterUnderTest, { topic, partition }: TopicPartition, id: number): Promise<number> {
  const asked = { topics: [{ topic, partitions: [partition] }] };
  const { folders } = await cluster.at(id).askAs(describeLogDirsApi, 1, asked);
  return folders.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))[0]?.bytes ?? 0;
}

async function copied(cluster: ClusterUnderTest, log: TopicPartition, from: number, to: number): Promise<void> {
  await cluster.until(
    `broker ${to} has what broker ${from} has`,
    async () => (await bytesAt(cluster, log, to)) === (await bytesAt(cluster, log, from)),
  );
}

export const LEADER_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a leader moves': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', {}, [1, 2, 3]);
    answers.note('Produce a', await cluster.append(log, 'a', ALL));
    answers.note('Produce b', await cluster.append(log, 'b', ALL));
    await cluster.moveLeader(log, 2);
    answers.note('Produce c', await cluster.at(2).append(log, 'c', ALL));
    for (const id of [1, 2, 3]) await noteState(cluster, log, id);
    answers.note('Produce to the former leader', await cluster.append(log, 'late', ALL));
    answers.note('Produce to a follower', await cluster.at(3).append(log, 'late', LEADER));
    await cluster.until('the former leader knows the high watermark', async () => {
      const { partitions } = await cluster.fetch(log, 0, 1);
      return partitions[0]!.lastStableOffset === 3;
    });
    for (const id of [1, 2]) {
      const broker = cluster.at(id);
      for (const epoch of [NO_EPOCH, 0, 1, 2]) {
        if (id === 2 || epoch !== NO_EPOCH) await noteFetch(cluster, log, id, epoch);
        answers.note('Fetch by name', await broker.fetch(log, 0, epoch, null));
        await noteOffsets(cluster, log, id, epoch);
        for (const asked of [0, 1, 2])
          answers.note(
            `end of ${asked} at ${id}, epoch ${epoch}`,
            await broker.ask(offsetForLeaderEpoch(log, epoch, asked)),
          );
      }
      await noteProducers(cluster, log, id);
      const topics = [{ topic: log.topic, partitions: [{ partition: 0, offset: 1 }] }];
      answers.note(`DeleteRecords at ${id}`, await broker.askAs(deleteRecordsApi, 1, { topics, timeoutMs: 10_000 }));
    }
    for (const from of [0, 1, 3, 4]) await noteFetch(cluster, log, 2, 1, from);
    answers.note('Fetch at the former leader, beyond its end', await cluster.fetch(log, 4, 1));
  },
  'a leader moves and comes back without a record': async (cluster) => {
    const log = await cluster.topic('output', {}, [1, 2, 3]);
    cluster.answers.note('Produce a', await cluster.append(log, 'a', ALL));
    await cluster.moveLeader(log, 2);
    await cluster.moveLeader(log, 1);
    await cluster.moveLeader(log, 3);
    await cluster.readable(log, 3, 1);
    cluster.answers.note('Produce b', await cluster.at(3).append(log, 'b', ALL));
    await noteState(cluster, log, 3);
    await noteEpochs(cluster, log, 3, [0, 1, 2, 3, 4]);
    await noteFetch(cluster, log, 3, 3);
  },
  'the leader moves within a transaction': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', {}, [1, 2, 3]);
    const writer = await session(cluster, 'writer');
    answers.note('AddPartitionsToTxn', await cluster.whenDecided(addPartitionsToTxn(writer, [log])));
    answers.note('Produce a', await cluster.produce(writer, log, 0, ['a']));
    await cluster.moveLeader(log, 2);
    answers.note('Produce b to the former leader', await cluster.produce(writer, log, 1, ['b']));
    answers.note('Produce a again', await cluster.at(2).produce(writer, log, 0, ['a']));
    answers.note('Produce a gap', await cluster.at(2).produce(writer, log, 2, ['gap']));
    answers.note('Produce b', await cluster.at(2).produce(writer, log, 1, ['b']));
    await noteProducers(cluster, log, 2);
    await noteOffsets(cluster, log, 2, 1);
    answers.note('EndTxn', await cluster.whenDecided(endTxn(writer, 'abort')));
    await cluster.session('writer'); // Answers only after the markers are written.
    await cluster.readable(log, 2, 3);
    await noteProducers(cluster, log, 2);
    await noteOffsets(cluster, log, 2, 1);
    await noteFetch(cluster, log, 2, 1);
  },
  'a follower freezes': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', { 'min.insync.replicas': '2' }, [1, 2]);
    const writer = await session(cluster, 'writer');
    answers.note('AddPartitionsToTxn', await cluster.whenDecided(addPartitionsToTxn(writer, [log])));
    answers.note('Produce a', await cluster.produce(writer, log, 0, ['a']));
    await noteProducers(cluster, log, 2);
    await noteProducers(cluster, log, 3);
    await noteFetch(cluster, log, 3, 0);
    await cluster.freeze(2);
    answers.note('Produce b', await cluster.produce(writer, log, 1, ['b'], SHORT_MS));
    answers.note('Produce b again', await cluster.produce(writer, log, 1, ['b'], SHORT_MS));
    await noteOffsets(cluster, log, 1, 0);
    await cluster.inSync(log, [1]);
    await noteState(cluster, log, 1);
    answers.note('Produce c', await cluster.produce(writer, log, 2, ['c'], SHORT_MS));
    answers.note('Produce b again', await cluster.produce(writer, log, 1, ['b'], SHORT_MS));
    answers.note('Produce d to the leader alone', await cluster.append(log, 'd', LEADER));
    await noteOffsets(cluster, log, 1, 0);
    await noteFetch(cluster, log, 1, 0);
    await noteFetch(cluster, log, 1, 0, 3);
    await noteFetch(cluster, log, 1, 0, 4);
    await cluster.thaw(2);
    await cluster.inSync(log, [1, 2]);
    await noteState(cluster, log, 1);
    answers.note('Produce c', await cluster.produce(writer, log, 2, ['c']));
    answers.note('EndTxn', await cluster.whenDecided(endTxn(writer, 'commit')));
    await cluster.session('writer');
    await cluster.readable(log, 1, 5);
    await noteOffsets(cluster, log, 1, 0);
    await noteFetch(cluster, log, 1, 0);
  },
  'a new leader does not know the high watermark': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', {}, [1, 2, 3]);
    answers.note('Produce a', await cluster.append(log, 'a', ALL));
    for (const id of [2, 3]) await copied(cluster, log, 1, id);
    await cluster.freeze(2);
    answers.note('Produce b', await cluster.append(log, 'b', LEADER));
    await copied(cluster, log, 1, 3);
    await cluster.moveLeader(log, 3);
    await noteOffsets(cluster, log, 3, 1);
    await noteEpochs(cluster, log, 3, [0, 1]);
    for (const from of [0, 1, 2, 3]) await noteFetch(cluster, log, 3, 1, from);
    await cluster.thaw(2);
    await cluster.readable(log, 3, 2);
    await noteState(cluster, log, 3);
    await noteOffsets(cluster, log, 3, 1);
    await noteFetch(cluster, log, 3, 1);
  },
  'an unclean election loses records': async (cluster) => {
    const { answers } = cluster;
    const log = await cluster.topic('output', { 'min.insync.replicas': '1' }, [1, 2]);
    const writer = await session(cluster, 'writer');
    await cluster.moveCoordinator('transaction', writer.transactionalId, 3);
    const coordinator = cluster.at(3);
    answers.note('AddPartitionsToTxn', await coordinator.whenDecided(addPartitionsToTxn(writer, [log])));
    answers.note('Produce a', await cluster.produce(writer, log, 0, ['a']));
    await copied(cluster, log, 1, 2);
    await cluster.freeze(2);
    await cluster.inSync(log, [1]);
    answers.note('Produce b', await cluster.produce(writer, log, 1, ['b']));
    answers.note('Produce c', await cluster.produce(writer, log, 2, ['c']));
    await noteFetch(cluster, log, 1, 0);
    await cluster.freeze(1);
    await cluster.thaw(2);
    const NO_LEADER = -1;
    await cluster.until('nobody leads', async () => (await cluster.at(3).partition(log)).leader === NO_LEADER);
    await noteState(cluster, log, 3);
    answers.note('Produce to a follower', await cluster.at(2).append(log, 'd', LEADER));
    await cluster.electUnclean(log, 2);
    await noteState(cluster, log, 2);
    await noteOffsets(cluster, log, 2, NO_EPOCH);
    await noteEpochs(cluster, log, 2, [0, 1, 2, 3]);
    for (const from of [0, 1, 2, 3]) await noteFetch(cluster, log, 2, NO_EPOCH, from);
    await noteProducers(cluster, log, 2);
    answers.note('Produce d', await cluster.at(2).produce(writer, log, 3, ['d']));
    answers.note('Produce b again', await cluster.at(2).produce(writer, log, 1, ['b']));
    await cluster.thaw(1);
    await cluster.inSync(log, [1, 2]);
    answers.note('EndTxn', await coordinator.whenDecided(endTxn(writer, 'commit')));
    await cluster.readable(log, 2, 3); // The answer does not wait for the markers.
    await cluster.moveLeader(log, 1);
    await cluster.readable(log, 1, 3);
    await noteState(cluster, log, 1);
    await noteOffsets(cluster, log, 1, NO_EPOCH);
    await noteEpochs(cluster, log, 1, [0, 1, 2, 3, 4]);
    await noteFetch(cluster, log, 1, NO_EPOCH);
    await noteProducers(cluster, log, 1);
  },
};
