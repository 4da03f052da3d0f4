/** Requests about records: Produce, Fetch and questions about offsets. */
import type { Api } from './api.js';
import {
  array,
  bool,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableBytes,
  nullableText,
  since,
  struct,
  text,
  until,
  uuid,
  type Layout,
  type ValueOf,
} from './layout.js';
import { NO_UUID } from '../image.js';

/** Int64 without loss, for producer ids. */
export const bigInt64: Layout<bigint> = {
  read: (from) => from.bigInt64(),
  write: (to, value) => to.bigInt64(value),
};

export const produceApi = {
  key: 0,
  name: 'Produce',
  min: 3,
  max: 7,
  flexibleFrom: 9,
  request: struct({
    transactionalId: nullableText,
    acks: int16,
    timeoutMs: int32,
    topics: array(struct({ topic: text, partitions: array(struct({ partition: int32, records: nullableBytes })) })),
  }),
  answer: struct({
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTime: int64,
            logStart: since(5, int64, -1),
          }),
        ),
      }),
    ),
    throttleMs: int32,
  }),
};

const NO_TOPICS: readonly never[] = [];

export const fetchApi = {
  key: 1,
  name: 'Fetch',
  min: 4,
  max: 13,
  flexibleFrom: 12,
  request: struct({
    replicaId: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32,
    isolation: int8,
    sessionId: since(7, int32, 0),
    sessionEpoch: since(7, int32, -1),
    topics: array(
      struct({
        topic: until(12, text, ''),
        topicId: since(13, uuid, NO_UUID),
        partitions: array(
          struct({
            partition: int32,
            leaderEpoch: since(9, int32, -1),
            offset: int64,
            lastFetchedEpoch: since(12, int32, -1),
            logStart: since(5, int64, -1),
            maxBytes: int32,
          }),
        ),
      }),
    ),
    forgotten: since(
      7,
      array(struct({ topic: until(12, text, ''), topicId: since(13, uuid, NO_UUID), partitions: array(int32) })),
      NO_TOPICS,
    ),
    rack: since(11, text, ''),
  }),
  answer: struct({
    throttleMs: int32,
    errorCode: since(7, int16, 0),
    sessionId: since(7, int32, 0),
    topics: array(
      struct({
        topic: until(12, text, ''),
        topicId: since(13, uuid, NO_UUID),
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64,
            logStart: since(5, int64, -1),
            aborted: nullableArray(struct({ producerId: bigInt64, firstOffset: int64 })),
            preferredReplica: since(11, int32, -1),
            records: nullableBytes,
          }),
        ),
      }),
    ),
  }),
};

export const listOffsetsApi = {
  key: 2,
  name: 'ListOffsets',
  min: 1,
  max: 5,
  flexibleFrom: 6,
  request: struct({
    replicaId: int32,
    isolation: since(2, int8, 0),
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ partition: int32, leaderEpoch: since(4, int32, -1), timestamp: int64 })),
      }),
    ),
  }),
  answer: struct({
    throttleMs: since(2, int32, 0),
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            timestamp: int64,
            offset: int64,
            leaderEpoch: since(4, int32, -1),
          }),
        ),
      }),
    ),
  }),
};

export const offsetForLeaderEpochApi = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  min: 2,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    replicaId: since(3, int32, -2),
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ partition: int32, leaderEpoch: int32, epoch: int32 })),
      }),
    ),
  }),
  answer: struct({
    throttleMs: int32,
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ errorCode: int16, partition: int32, epoch: int32, endOffset: int64 })),
      }),
    ),
  }),
};

export const describeProducersApi = {
  key: 61,
  name: 'DescribeProducers',
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({ topics: array(struct({ topic: text, partitions: array(int32) })) }),
  answer: struct({
    throttleMs: int32,
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: nullableText,
            producers: array(
              struct({
                producerId: bigInt64,
                producerEpoch: int32,
                lastSequence: int32,
                lastTimestamp: int64,
                coordinatorEpoch: int32,
                transactionStart: int64,
              }),
            ),
          }),
        ),
      }),
    ),
  }),
};

export const describeLogDirsApi = {
  key: 35,
  name: 'DescribeLogDirs',
  min: 1,
  max: 1,
  flexibleFrom: 2,
  request: struct({ topics: nullableArray(struct({ topic: text, partitions: array(int32) })) }),
  answer: struct({
    throttleMs: int32,
    folders: array(
      struct({
        errorCode: int16,
        folder: text,
        topics: array(
          struct({
            topic: text,
            partitions: array(struct({ partition: int32, bytes: int64, lag: int64, isFuture: bool })),
          }),
        ),
      }),
    ),
  }),
};

export type RequestOf<A> = A extends Api<infer Q, unknown> ? Q : never;
export type AnswerOf<A extends { readonly answer: unknown }> = ValueOf<A['answer']>;
