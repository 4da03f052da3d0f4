/** Requests of the classic group protocol, and about offsets of groups. */
import {
  array,
  between,
  bool,
  bytes,
  int16,
  int32,
  int64,
  nullableArray,
  nullableText,
  since,
  struct,
  text,
  until,
} from './layout.js';

const instanceId = nullableText;

export const offsetCommitApi = {
  key: 8,
  name: 'OffsetCommit',
  min: 2,
  max: 7,
  flexibleFrom: 8,
  request: struct({
    groupId: text,
    generation: int32,
    memberId: text,
    instanceId: since(7, instanceId, null),
    retentionMs: between(2, 4, int64, -1),
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({ partition: int32, offset: int64, leaderEpoch: since(6, int32, -1), metadata: nullableText }),
        ),
      }),
    ),
  }),
  answer: struct({
    throttleMs: since(3, int32, 0),
    topics: array(struct({ topic: text, partitions: array(struct({ partition: int32, errorCode: int16 })) })),
  }),
};

export const offsetFetchApi = {
  key: 9,
  name: 'OffsetFetch',
  min: 1,
  max: 7,
  flexibleFrom: 6,
  request: struct({
    groupId: text,
    topics: nullableArray(struct({ topic: text, partitions: array(int32) })),
    requireStable: since(7, bool, false),
  }),
  answer: struct({
    throttleMs: since(3, int32, 0),
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({
            partition: int32,
            offset: int64,
            leaderEpoch: since(5, int32, -1),
            metadata: nullableText,
            errorCode: int16,
          }),
        ),
      }),
    ),
    errorCode: since(2, int16, 0),
  }),
};

export const joinGroupApi = {
  key: 11,
  name: 'JoinGroup',
  min: 2,
  max: 5,
  flexibleFrom: 6,
  request: struct({
    groupId: text,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32,
    memberId: text,
    instanceId: since(5, instanceId, null),
    protocolType: text,
    protocols: array(struct({ name: text, metadata: bytes })),
  }),
  answer: struct({
    throttleMs: int32,
    errorCode: int16,
    generation: int32,
    protocol: text,
    leader: text,
    memberId: text,
    members: array(struct({ memberId: text, instanceId: since(5, instanceId, null), metadata: bytes })),
  }),
};

export const heartbeatApi = {
  key: 12,
  name: 'Heartbeat',
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({ groupId: text, generation: int32, memberId: text, instanceId: since(3, instanceId, null) }),
  answer: struct({ throttleMs: since(1, int32, 0), errorCode: int16 }),
};

const NO_MEMBERS: readonly never[] = [];

export const leaveGroupApi = {
  key: 13,
  name: 'LeaveGroup',
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: text,
    memberId: until(2, text, ''),
    members: since(3, array(struct({ memberId: text, instanceId })), NO_MEMBERS),
  }),
  answer: struct({
    throttleMs: since(1, int32, 0),
    errorCode: int16,
    members: since(3, array(struct({ memberId: text, instanceId, errorCode: int16 })), NO_MEMBERS),
  }),
};

export const syncGroupApi = {
  key: 14,
  name: 'SyncGroup',
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: text,
    generation: int32,
    memberId: text,
    instanceId: since(3, instanceId, null),
    assignments: array(struct({ memberId: text, assignment: bytes })),
  }),
  answer: struct({ throttleMs: since(1, int32, 0), errorCode: int16, assignment: bytes }),
};

export const describeGroupsApi = {
  key: 15,
  name: 'DescribeGroups',
  min: 0,
  max: 4,
  flexibleFrom: 5,
  request: struct({ groupIds: array(text), includeOperations: since(3, bool, false) }),
  answer: struct({
    throttleMs: since(1, int32, 0),
    groups: array(
      struct({
        errorCode: int16,
        groupId: text,
        state: text,
        protocolType: text,
        protocol: text,
        members: array(
          struct({
            memberId: text,
            instanceId: since(4, instanceId, null),
            clientId: text,
            clientHost: text,
            metadata: bytes,
            assignment: bytes,
          }),
        ),
        operations: since(3, int32, 0),
      }),
    ),
  }),
};

export const listGroupsApi = {
  key: 16,
  name: 'ListGroups',
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({}),
  answer: struct({
    throttleMs: since(1, int32, 0),
    errorCode: int16,
    groups: array(struct({ groupId: text, protocolType: text })),
  }),
};

export const deleteGroupsApi = {
  key: 42,
  name: 'DeleteGroups',
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({ groupIds: array(text) }),
  answer: struct({ throttleMs: int32, groups: array(struct({ groupId: text, errorCode: int16 })) }),
};

export const offsetDeleteApi = {
  key: 47,
  name: 'OffsetDelete',
  min: 0,
  max: 0,
  flexibleFrom: Infinity,
  request: struct({
    groupId: text,
    topics: array(struct({ topic: text, partitions: array(struct({ partition: int32 })) })),
  }),
  answer: struct({
    errorCode: int16,
    throttleMs: int32,
    topics: array(struct({ topic: text, partitions: array(struct({ partition: int32, errorCode: int16 })) })),
  }),
};

/** Only for groups of KIP-848, which the simulated brokers do not have: every group is unknown. */
export const consumerGroupDescribeApi = {
  key: 69,
  name: 'ConsumerGroupDescribe',
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({ groupIds: array(text), includeOperations: bool }),
  answer: struct({
    throttleMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: nullableText,
        groupId: text,
        state: text,
        epoch: int32,
        assignmentEpoch: int32,
        assignor: text,
        members: array(struct({})),
        operations: int32,
      }),
    ),
  }),
};
