/** Requests about the cluster, its topics and their settings. */
import {
  array,
  between,
  bool,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableText,
  since,
  struct,
  text,
  uuid,
} from './layout.js';
import { NO_UUID } from '../image.js';

const UNKNOWN_OPERATIONS = -(2 ** 31);

export const metadataApi = {
  key: 3,
  name: 'Metadata',
  min: 1,
  max: 10,
  flexibleFrom: 9,
  request: struct({
    topics: nullableArray(struct({ topicId: since(10, uuid, NO_UUID), topic: nullableText })),
    allowCreation: since(4, bool, true),
    includeClusterOperations: between(8, 10, bool, false),
    includeTopicOperations: since(8, bool, false),
  }),
  answer: struct({
    throttleMs: since(3, int32, 0),
    brokers: array(struct({ nodeId: int32, host: text, port: int32, rack: nullableText })),
    clusterId: since(2, nullableText, null),
    controllerId: int32,
    topics: array(
      struct({
        errorCode: int16,
        topic: text,
        topicId: since(10, uuid, NO_UUID),
        isInternal: bool,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leader: int32,
            leaderEpoch: since(7, int32, -1),
            replicas: array(int32),
            inSync: array(int32),
            offline: since(5, array(int32), []),
          }),
        ),
        operations: since(8, int32, UNKNOWN_OPERATIONS),
      }),
    ),
    operations: between(8, 10, int32, UNKNOWN_OPERATIONS),
  }),
};

export const apiVersionsApi = {
  key: 18,
  name: 'ApiVersions',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({}),
  answer: struct({
    errorCode: int16,
    apis: array(struct({ key: int16, min: int16, max: int16 })),
    throttleMs: since(1, int32, 0),
  }),
};

export const createTopicsApi = {
  key: 19,
  name: 'CreateTopics',
  min: 2,
  max: 4,
  flexibleFrom: 5,
  request: struct({
    topics: array(
      struct({
        topic: text,
        partitions: int32,
        replication: int16,
        assignments: array(struct({ partition: int32, brokers: array(int32) })),
        settings: array(struct({ name: text, value: nullableText })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  }),
  answer: struct({
    throttleMs: int32,
    topics: array(struct({ topic: text, errorCode: int16, errorMessage: nullableText })),
  }),
};

export const deleteTopicsApi = {
  key: 20,
  name: 'DeleteTopics',
  min: 1,
  max: 3,
  flexibleFrom: 4,
  request: struct({ topics: array(text), timeoutMs: int32 }),
  answer: struct({ throttleMs: int32, topics: array(struct({ topic: text, errorCode: int16 })) }),
};

export const deleteRecordsApi = {
  key: 21,
  name: 'DeleteRecords',
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ topic: text, partitions: array(struct({ partition: int32, offset: int64 })) })),
    timeoutMs: int32,
  }),
  answer: struct({
    throttleMs: int32,
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ partition: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  }),
};

export const createPartitionsApi = {
  key: 37,
  name: 'CreatePartitions',
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ topic: text, count: int32, assignments: nullableArray(struct({ brokers: array(int32) })) })),
    timeoutMs: int32,
    validateOnly: bool,
  }),
  answer: struct({
    throttleMs: int32,
    topics: array(struct({ topic: text, errorCode: int16, errorMessage: nullableText })),
  }),
};

export const describeConfigsApi = {
  key: 32,
  name: 'DescribeConfigs',
  min: 1,
  max: 2,
  flexibleFrom: 4,
  request: struct({
    resources: array(struct({ kind: int8, name: text, keys: nullableArray(text) })),
    includeSynonyms: bool,
  }),
  answer: struct({
    throttleMs: int32,
    resources: array(
      struct({
        errorCode: int16,
        errorMessage: nullableText,
        kind: int8,
        name: text,
        settings: array(
          struct({
            name: text,
            value: nullableText,
            isReadOnly: bool,
            source: int8,
            isSensitive: bool,
            synonyms: array(struct({ name: text, value: nullableText, source: int8 })),
          }),
        ),
      }),
    ),
  }),
};

const resourceErrors = struct({
  throttleMs: int32,
  resources: array(struct({ errorCode: int16, errorMessage: nullableText, kind: int8, name: text })),
});

export const alterConfigsApi = {
  key: 33,
  name: 'AlterConfigs',
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    resources: array(struct({ kind: int8, name: text, settings: array(struct({ name: text, value: nullableText })) })),
    validateOnly: bool,
  }),
  answer: resourceErrors,
};

export const incrementalAlterConfigsApi = {
  key: 44,
  name: 'IncrementalAlterConfigs',
  min: 0,
  max: 0,
  flexibleFrom: 1,
  request: struct({
    resources: array(
      struct({
        kind: int8,
        name: text,
        settings: array(struct({ name: text, operation: int8, value: nullableText })),
      }),
    ),
    validateOnly: bool,
  }),
  answer: resourceErrors,
};
