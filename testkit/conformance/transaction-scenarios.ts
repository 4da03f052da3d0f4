/** Transactions and fencing, with the requests of `src/kafka/protocol`. */
import { fetchCommittedOffset } from '../../src/kafka/protocol/committed-offset.js';
import { describeProducers } from '../../src/kafka/protocol/describe-producers.js';
import { describeTransaction } from '../../src/kafka/protocol/describe-transaction.js';
import { LATEST, listOffset, READ_COMMITTED, READ_UNCOMMITTED } from '../../src/kafka/protocol/list-offsets.js';
import { NO_ERROR } from '../../src/kafka/protocol/protocol-errors.js';
import { fetchStableOffset } from '../../src/kafka/protocol/pending-offset.js';
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  fenceOwnSession,
  initProducerId,
  txnOffsetCommit,
  type ProducerSession,
} from '../../src/kafka/protocol/transaction-requests.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { TRANSACTION_TIMEOUT_MS, type ClusterUnderTest } from './cluster-under-test.js';
import type { Scenario } from './scenario.js';

const SHORT_TIMEOUT_MS = 500;

async function add(cluster: ClusterUnderTest, session: ProducerSession, ...to: TopicPartition[]): Promise<void> {
  cluster.answers.note('AddPartitionsToTxn', await cluster.whenDecided(addPartitionsToTxn(session, to)));
}

async function send(
  cluster: ClusterUnderTest,
  session: ProducerSession,
  to: TopicPartition,
  sequence: number,
  ...values: string[]
) {
  cluster.answers.note(`Produce ${values.join()}`, await cluster.produce(session, to, sequence, values));
}

async function end(cluster: ClusterUnderTest, session: ProducerSession, outcome: 'commit' | 'abort'): Promise<void> {
  cluster.answers.note(`EndTxn ${outcome}`, await cluster.whenDecided(endTxn(session, outcome)));
}

/** Waits for the markers, and notes what the coordinator knows then. */
async function decided(cluster: ClusterUnderTest, { transactionalId }: ProducerSession): Promise<void> {
  const describe = () => cluster.onBroker((broker) => describeTransaction(broker, transactionalId));
  await cluster.until('the transaction is decided', async () => !/^(Prepare|Ongoing)/.test((await describe()).state));
  const { errorCode, ...described } = await describe();
  // With an error, the other fields have no meaning.
  cluster.answers.note('DescribeTransactions', errorCode === NO_ERROR ? described : { errorCode });
}

async function lookAt(cluster: ClusterUnderTest, log: TopicPartition): Promise<void> {
  const { answers } = cluster;
  answers.note('Fetch', await cluster.fetch(log, 0));
  answers.note('ListOffsets, committed', await cluster.ask(listOffset(log, 0, LATEST, READ_COMMITTED)));
  answers.note('ListOffsets, all', await cluster.ask(listOffset(log, 0, LATEST, READ_UNCOMMITTED)));
  answers.note('DescribeProducers', await cluster.onBroker((broker) => describeProducers(broker, log)));
}

export const TRANSACTION_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a transaction commits, and its end is repeated': async (cluster) => {
    const log = await cluster.topic('output');
    const session = await cluster.session('id');
    await add(cluster, session, log);
    await send(cluster, session, log, 0, 'a', 'b');
    await lookAt(cluster, log);
    await end(cluster, session, 'commit');
    await decided(cluster, session);
    await lookAt(cluster, log);
    await end(cluster, session, 'commit');
    await end(cluster, session, 'abort');
  },
  'a transaction aborts, and its end is repeated': async (cluster) => {
    const log = await cluster.topic('output');
    const session = await cluster.session('id');
    await add(cluster, session, log);
    await send(cluster, session, log, 0, 'a');
    await end(cluster, session, 'abort');
    await decided(cluster, session);
    await lookAt(cluster, log);
    await end(cluster, session, 'abort');
    await end(cluster, session, 'commit');
  },
  'an end without a transaction': async (cluster) => {
    const session = await cluster.session('id');
    await end(cluster, session, 'commit');
    await end(cluster, session, 'abort');
    await decided(cluster, session);
  },
  'transactions of two producers overlap': async (cluster) => {
    const log = await cluster.topic('output');
    const [first, second] = [await cluster.session('first'), await cluster.session('second')];
    await add(cluster, first, log);
    await add(cluster, second, log);
    await send(cluster, first, log, 0, 'a');
    await send(cluster, second, log, 0, 'b');
    await send(cluster, first, log, 1, 'c');
    await end(cluster, second, 'abort');
    await decided(cluster, second);
    await lookAt(cluster, log);
    await add(cluster, second, log);
    await send(cluster, second, log, 1, 'd');
    await end(cluster, first, 'abort');
    await decided(cluster, first);
    await lookAt(cluster, log);
    await end(cluster, second, 'commit');
    await decided(cluster, second);
    await lookAt(cluster, log);
    cluster.answers.note('Fetch from the middle', await cluster.fetch(log, 3));
  },
  'a former session is fenced at each request': async (cluster) => {
    const log = await cluster.topic('output');
    const group = cluster.name('group');
    const former = await cluster.session('id');
    await add(cluster, former, log);
    await send(cluster, former, log, 0, 'a');
    const session = await cluster.session('id');
    await decided(cluster, session);
    await send(cluster, former, log, 1, 'late');
    await add(cluster, former, log);
    await end(cluster, former, 'commit');
    cluster.answers.note('AddOffsetsToTxn', await cluster.whenDecided(addOffsetsToTxn(former, group)));
    const position = { offset: 5, leaderEpoch: 0 };
    cluster.answers.note('TxnOffsetCommit', await cluster.whenDecided(txnOffsetCommit(former, group, log, position)));
    cluster.answers.note('fence', await cluster.whenDecided(fenceOwnSession(former, TRANSACTION_TIMEOUT_MS)));
    await lookAt(cluster, log);
    await add(cluster, session, log);
    await send(cluster, session, log, 0, 'b');
    await end(cluster, session, 'commit');
    await decided(cluster, session);
    await lookAt(cluster, log);
  },
  'a session ends itself': async (cluster) => {
    const log = await cluster.topic('output');
    const session = await cluster.session('id');
    cluster.answers.note('fence', await cluster.whenDecided(fenceOwnSession(session, TRANSACTION_TIMEOUT_MS)));
    const next = await cluster.session('id');
    await add(cluster, next, log);
    await send(cluster, next, log, 0, 'a');
    cluster.answers.note('fence', await cluster.whenDecided(fenceOwnSession(next, TRANSACTION_TIMEOUT_MS)));
    await decided(cluster, next);
    await send(cluster, next, log, 1, 'late');
    await end(cluster, next, 'commit');
    await lookAt(cluster, log);
  },
  'a transaction is over its time': async (cluster) => {
    const log = await cluster.topic('output');
    const session = await cluster.session('id', SHORT_TIMEOUT_MS);
    await add(cluster, session, log);
    await send(cluster, session, log, 0, 'a');
    await decided(cluster, session);
    await end(cluster, session, 'commit');
    await send(cluster, session, log, 1, 'late');
    cluster.answers.note('fence', await cluster.whenDecided(fenceOwnSession(session, TRANSACTION_TIMEOUT_MS)));
    await decided(cluster, session);
    await lookAt(cluster, log);
  },
  'a record outside of a transaction': async (cluster) => {
    const log = await cluster.topic('output');
    await send(cluster, await cluster.session('id'), log, 0, 'a');
    await lookAt(cluster, log);
  },
  'wrong and repeated sequence numbers': async (cluster) => {
    const log = await cluster.topic('output');
    const session = await cluster.session('id');
    await add(cluster, session, log);
    await send(cluster, session, log, 0, 'a', 'b');
    await send(cluster, session, log, 0, 'a', 'b');
    await send(cluster, session, log, 4, 'gap');
    await send(cluster, session, log, 1, 'overlap');
    await send(cluster, session, log, 2, 'c');
    await end(cluster, session, 'commit');
    await decided(cluster, session);
    await lookAt(cluster, log);
  },
  'a session that nobody began': async (cluster) => {
    const log = await cluster.topic('output');
    const unknown = { transactionalId: cluster.name('unknown'), producerId: 987_654_321n, producerEpoch: 0 };
    await add(cluster, unknown, log);
    await end(cluster, unknown, 'commit');
    await decided(cluster, unknown);
    const session = await cluster.session('id');
    await add(cluster, { ...session, producerId: unknown.producerId }, log);
    await add(cluster, { ...session, producerEpoch: 7 }, log);
    await add(cluster, session, { topic: cluster.name('missing'), partition: 0 }, log);
    cluster.answers.note('InitProducerId', await cluster.ask(initProducerId(session.transactionalId, 2 ** 31 - 1)));
    cluster.answers.note('InitProducerId', await cluster.ask(initProducerId(session.transactionalId, 0)));
  },
  'offsets in a transaction': async (cluster) => {
    const log = await cluster.topic('input');
    const group = cluster.name('group');
    const session = await cluster.session('id');
    const committed = async (): Promise<void> => {
      cluster.answers.note('stable', await cluster.ask(fetchStableOffset(group, log)));
      cluster.answers.note('OffsetFetch', await cluster.onBroker((broker) => fetchCommittedOffset(broker, group, log)));
    };
    await cluster.ask(fetchStableOffset(group, log)); // until the coordinator is ready
    for (const [outcome, offset] of [
      ['abort', 5],
      ['commit', 7],
      ['commit', 3],
    ] as const) {
      cluster.answers.note('AddOffsetsToTxn', await cluster.whenDecided(addOffsetsToTxn(session, group)));
      const position = { offset, leaderEpoch: 0, metadata: 'm' };
      cluster.answers.note('TxnOffsetCommit', await cluster.ask(txnOffsetCommit(session, group, log, position)));
      await committed();
      await end(cluster, session, outcome);
      await decided(cluster, session);
      await cluster.until(
        'no offset is pending',
        async () => (await cluster.ask(fetchStableOffset(group, log))).errorCode === 0,
      );
      await committed();
    }
  },
};
