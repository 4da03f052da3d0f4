/** Topics, log starts, leader epochs and sizes. */
import { metadataOf } from '../../src/kafka/protocol/metadata-protocol.js';
import { EARLIEST, LATEST, listOffset, READ_COMMITTED } from '../../src/kafka/protocol/list-offsets.js';
import { offsetForLeaderEpoch } from '../../src/kafka/protocol/offset-for-leader-epoch.js';
import { addPartitionsToTxn, endTxn } from '../../src/kafka/protocol/transaction-requests.js';
import { deleteRecordsApi } from '../simulated-kafka/wire/admin-apis.js';
import type { TopicPartition } from '../../src/lib/record.js';
import type { ClusterUnderTest } from './cluster-under-test.js';
import type { Scenario } from './scenario.js';

/** Above the default `max.message.bytes`. */
const TOO_LARGE = 1_100_000;

async function fill(cluster: ClusterUnderTest, log: TopicPartition, ...batches: string[][]): Promise<void> {
  const session = await cluster.session('writer');
  await cluster.whenDecided(addPartitionsToTxn(session, [log]));
  let sequence = 0;
  for (const values of batches) {
    const step = `Produce ${values.map((value) => value.slice(0, 9)).join()}`;
    cluster.answers.note(step, await cluster.produce(session, log, sequence, values));
    sequence += values.length;
  }
  cluster.answers.note('EndTxn', await cluster.whenDecided(endTxn(session, 'commit')));
  // A fence answers only after the markers are written.
  await cluster.session('writer');
}

/** Metadata without what names the run: the id, and the addresses. */
async function noteMetadata(cluster: ClusterUnderTest, topic: string): Promise<void> {
  const { errorCode, topicId, leaders } = await cluster.onBroker((broker) => metadataOf(broker, topic));
  cluster.answers.note('Metadata', { errorCode, hasId: topicId !== null, leaders });
}

export const LOG_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a topic that does not exist': async (cluster) => {
    const missing = { topic: cluster.name('missing'), partition: 0 };
    await noteMetadata(cluster, missing.topic);
    cluster.answers.note(
      'Fetch by an unknown id',
      await cluster.fetch(missing, 0, 0, '0123456789abcdef0123456789abcdef'),
    );
    cluster.answers.note('Fetch by name', await cluster.fetch(missing, 0, 0, null));
    cluster.answers.note('ListOffsets', await cluster.ask(listOffset(missing, 0, LATEST, READ_COMMITTED)));
    cluster.answers.note('OffsetForLeaderEpoch', await cluster.ask(offsetForLeaderEpoch(missing, 0, 0)));
    const log = { ...(await cluster.topic('output')), partition: 5 };
    cluster.answers.note('Fetch of an unknown partition', await cluster.fetch(log, 0));
    cluster.answers.note('ListOffsets', await cluster.ask(listOffset(log, 0, LATEST, READ_COMMITTED)));
  },
  'a topic is deleted and created again': async (cluster) => {
    const log = await cluster.topic('output');
    await fill(cluster, log, ['a', 'b']);
    const former = await cluster.topicId(log);
    await cluster.admin((admin) => admin.deleteTopics({ topics: [log.topic] }));
    await cluster.until('the topic is gone', async () => (await cluster.topicId(log)) === null);
    await noteMetadata(cluster, log.topic);
    await cluster.topic('output');
    await cluster.until('the topic is back', async () => (await cluster.topicId(log)) !== null);
    cluster.answers.note('same id', (await cluster.topicId(log)) === former);
    await noteMetadata(cluster, log.topic);
    cluster.answers.note('Fetch by the former id', await cluster.fetch(log, 0, 0, former));
    cluster.answers.note('Fetch', await cluster.fetch(log, 0));
    cluster.answers.note('Fetch beyond the end', await cluster.fetch(log, 2));
    await fill(cluster, log, ['c']);
    cluster.answers.note('Fetch', await cluster.fetch(log, 0));
  },
  'the start of the log moves': async (cluster) => {
    const log = await cluster.topic('output');
    await fill(cluster, log, ['a', 'b'], ['c']);
    const topics = [{ topic: log.topic, partitions: [{ partition: 0, offset: 2 }] }];
    cluster.answers.note('DeleteRecords', await cluster.askAs(deleteRecordsApi, 1, { topics, timeoutMs: 10_000 }));
    for (const timestamp of [EARLIEST, LATEST])
      cluster.answers.note('ListOffsets', await cluster.ask(listOffset(log, 0, timestamp, READ_COMMITTED)));
    for (const offset of [0, 1, 2, 3, 4, 5]) cluster.answers.note(`Fetch ${offset}`, await cluster.fetch(log, offset));
  },
  'leader epochs that are not the current one': async (cluster) => {
    const log = await cluster.topic('output');
    await fill(cluster, log, ['a']);
    for (const epoch of [-1, 0, 1]) {
      cluster.answers.note(`Fetch, epoch ${epoch}`, await cluster.fetch(log, 0, epoch));
      cluster.answers.note('ListOffsets', await cluster.ask(listOffset(log, epoch, LATEST, READ_COMMITTED)));
      for (const asked of [0, 1])
        cluster.answers.note(`end of ${asked}`, await cluster.ask(offsetForLeaderEpoch(log, epoch, asked)));
    }
  },
  'a record that is too large': async (cluster) => {
    const log = await cluster.topic('output');
    await fill(cluster, log, ['a'], ['x'.repeat(TOO_LARGE)]);
    const limited = await cluster.topic('limited', { 'max.message.bytes': '1000' });
    await fill(cluster, limited, ['y'.repeat(2_000)]);
  },
};
