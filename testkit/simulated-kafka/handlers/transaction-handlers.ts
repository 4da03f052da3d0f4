/** Requests to the transaction coordinator, and the offsets of a transaction. */
import {
  CONCURRENT_TRANSACTIONS,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  INVALID_PRODUCER_EPOCH,
  NOT_COORDINATOR,
  NO_ERROR,
  OPERATION_NOT_ATTEMPTED,
  PRODUCER_FENCED,
  TRANSACTIONAL_ID_NOT_FOUND,
  UNKNOWN_TOPIC_OR_PARTITION,
} from '../error-codes.js';
import { OFFSETS_TOPIC } from '../image.js';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  describeTransactionsApi,
  endTxnApi,
  initProducerIdApi,
  txnOffsetCommitApi,
} from '../wire/transaction-apis.js';
import { atOnce, forPartitions, handler, type Handler } from './handler.js';

const FIRST_WITH_FENCED = 2;
const FIRST_INIT_WITH_FENCED = 4;

/** Older versions do not know PRODUCER_FENCED. */
function codeFor(errorCode: number, version: number, firstWithFenced = FIRST_WITH_FENCED): number {
  return errorCode === PRODUCER_FENCED && version < firstWithFenced ? INVALID_PRODUCER_EPOCH : errorCode;
}

const initProducerId = handler(initProducerIdApi, (request, { broker, header }, reply) => {
  const { transactionalId, timeoutMs, producerId, producerEpoch } = request;
  if (transactionalId === null)
    return reply({
      throttleMs: 0,
      errorCode: NO_ERROR,
      producerId: broker.transactions.newProducerId(),
      producerEpoch: 0,
    });
  broker.transactions.initProducerId({ transactionalId, producerId, producerEpoch }, timeoutMs, (answer) => {
    const errorCode = codeFor(answer.errorCode, header.version, FIRST_INIT_WITH_FENCED);
    reply({ throttleMs: 0, ...answer, errorCode });
  });
});

const addPartitionsToTxn = handler(addPartitionsToTxnApi, ({ topics, ...session }, { broker, header }, reply) => {
  const isKnown = (topic: string, partition: number): boolean =>
    broker.view.topics.get(topic)?.partitions[partition] !== undefined;
  const partitions = topics.flatMap(({ topic, partitions: ids }) => ids.map((partition) => ({ topic, partition })));
  const answer = (codeOf: (topic: string, partition: number) => number): void =>
    reply({
      throttleMs: 0,
      topics: forPartitions(topics, (topic, partition) => ({ partition, errorCode: codeOf(topic, partition) })),
    });
  if (partitions.some(({ topic, partition }) => !isKnown(topic, partition)))
    return answer((topic, partition) =>
      isKnown(topic, partition) ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION,
    );
  broker.transactions.addPartitions(session, partitions, (errorCode) =>
    answer(() => codeFor(errorCode, header.version)),
  );
});

const addOffsetsToTxn = handler(addOffsetsToTxnApi, ({ groupId, ...session }, { broker, header }, reply) => {
  const partition = { topic: OFFSETS_TOPIC, partition: broker.groups.partitionOf(groupId) };
  broker.transactions.addPartitions(session, [partition], (errorCode) =>
    reply({ throttleMs: 0, errorCode: codeFor(errorCode, header.version) }),
  );
});

const endTxn = handler(endTxnApi, ({ isCommit, ...session }, { broker, header }, reply) => {
  broker.transactions.end(session, isCommit, (errorCode) =>
    reply({ throttleMs: 0, errorCode: codeFor(errorCode, header.version) }),
  );
});

const RETRIABLE: readonly number[] = [
  NOT_COORDINATOR,
  COORDINATOR_NOT_AVAILABLE,
  COORDINATOR_LOAD_IN_PROGRESS,
  CONCURRENT_TRANSACTIONS,
];

const txnOffsetCommit = handler(txnOffsetCommitApi, ({ topics, groupId, ...session }, { broker }, reply) => {
  const answer = (code: number): void => {
    const errorCode = code === PRODUCER_FENCED ? INVALID_PRODUCER_EPOCH : code;
    reply({ throttleMs: 0, topics: forPartitions(topics, (_topic, { partition }) => ({ partition, errorCode })) });
  };
  const found = broker.groups.find(groupId);
  if (typeof found === 'number') return answer(found);
  const offsets = topics.flatMap(({ topic, partitions }) => partitions.map((each) => ({ topic, ...each })));
  const partition = { topic: OFFSETS_TOPIC, partition: broker.groups.partitionOf(groupId) };
  broker.verification.verify(session, partition, (errorCode) => {
    if (errorCode !== NO_ERROR) return answer(RETRIABLE.includes(errorCode) ? COORDINATOR_NOT_AVAILABLE : errorCode);
    broker.groups.commit(groupId, offsets, session, answer);
  });
});

const describeTransactions = handler(
  describeTransactionsApi,
  atOnce(({ ids }, { broker }) => ({
    throttleMs: 0,
    transactions: ids.map((transactionalId) => {
      const state = broker.transactions.describe(transactionalId);
      if (state === undefined || typeof state === 'number')
        return {
          errorCode: state ?? TRANSACTIONAL_ID_NOT_FOUND,
          transactionalId,
          state: '',
          timeoutMs: 0,
          startedAt: -1,
          producerId: -1n,
          producerEpoch: -1,
          topics: [],
        };
      return {
        errorCode: NO_ERROR,
        transactionalId,
        state: state.phase,
        timeoutMs: state.timeoutMs,
        startedAt: state.startedAt,
        producerId: BigInt(state.producerId),
        producerEpoch: state.epoch,
        topics: state.partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
      };
    }),
  })),
);

export const TRANSACTION_HANDLERS: readonly Handler[] = [
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  describeTransactions,
];
