/** Requests of transactional and idempotent producers. */
import { array, bool, int16, int32, int64, int8, nullableText, since, struct, text } from './layout.js';
import { bigInt64 } from './log-apis.js';

export const findCoordinatorApi = {
  key: 10,
  name: 'FindCoordinator',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({ key: text, kind: since(1, int8, 0) }),
  answer: struct({
    throttleMs: since(1, int32, 0),
    errorCode: int16,
    errorMessage: since(1, nullableText, null),
    nodeId: int32,
    host: text,
    port: int32,
  }),
};

export const initProducerIdApi = {
  key: 22,
  name: 'InitProducerId',
  min: 0,
  max: 4,
  flexibleFrom: 2,
  request: struct({
    transactionalId: nullableText,
    timeoutMs: int32,
    producerId: since(3, bigInt64, -1n),
    producerEpoch: since(3, int16, -1),
  }),
  answer: struct({ throttleMs: int32, errorCode: int16, producerId: bigInt64, producerEpoch: int16 }),
};

const session = { transactionalId: text, producerId: bigInt64, producerEpoch: int16 };

const errorsOfPartitions = struct({
  throttleMs: int32,
  topics: array(struct({ topic: text, partitions: array(struct({ partition: int32, errorCode: int16 })) })),
});

export const addPartitionsToTxnApi = {
  key: 24,
  name: 'AddPartitionsToTxn',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({ ...session, topics: array(struct({ topic: text, partitions: array(int32) })) }),
  answer: errorsOfPartitions,
};

export const addOffsetsToTxnApi = {
  key: 25,
  name: 'AddOffsetsToTxn',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({ ...session, groupId: text }),
  answer: struct({ throttleMs: int32, errorCode: int16 }),
};

export const endTxnApi = {
  key: 26,
  name: 'EndTxn',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({ ...session, isCommit: bool }),
  answer: struct({ throttleMs: int32, errorCode: int16 }),
};

export const txnOffsetCommitApi = {
  key: 28,
  name: 'TxnOffsetCommit',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({
    transactionalId: text,
    groupId: text,
    producerId: bigInt64,
    producerEpoch: int16,
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({ partition: int32, offset: int64, leaderEpoch: since(2, int32, -1), metadata: nullableText }),
        ),
      }),
    ),
  }),
  answer: errorsOfPartitions,
};

export const describeTransactionsApi = {
  key: 65,
  name: 'DescribeTransactions',
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({ ids: array(text) }),
  answer: struct({
    throttleMs: int32,
    transactions: array(
      struct({
        errorCode: int16,
        transactionalId: text,
        state: text,
        timeoutMs: int32,
        startedAt: int64,
        producerId: bigInt64,
        producerEpoch: int16,
        topics: array(struct({ topic: text, partitions: array(int32) })),
      }),
    ),
  }),
};
