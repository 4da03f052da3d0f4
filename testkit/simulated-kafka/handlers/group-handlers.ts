/** Requests of the members of a group, and about groups. */
import { GROUP_ID_NOT_FOUND, INVALID_SESSION_TIMEOUT, NO_ERROR, UNKNOWN_MEMBER_ID } from '../error-codes.js';
import { refusedJoin, refusedSync } from '../groups/member.js';
import type { Group } from '../groups/group.js';
import {
  consumerGroupDescribeApi,
  deleteGroupsApi,
  describeGroupsApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  syncGroupApi,
} from '../wire/group-apis.js';
import { afterAll, atOnce, handler, type Handler } from './handler.js';
import { ALL_OPERATIONS } from './metadata-handlers.js';

const FIRST_JOIN_WITH_REQUIRED_ID = 4;
const CLIENT_HOST = '/127.0.0.1';
const UNKNOWN_OPERATIONS = -(2 ** 31);

const joinGroup = handler(joinGroupApi, ({ groupId, ...request }, { broker, header }, reply) => {
  const { settings } = broker.world;
  const { sessionTimeoutMs: timeout, memberId } = request;
  const isTooShort = timeout < Number(settings.get('group.min.session.timeout.ms'));
  if (isTooShort || timeout > Number(settings.get('group.max.session.timeout.ms')))
    return reply(refusedJoin(INVALID_SESSION_TIMEOUT, memberId));
  const group = memberId === '' ? broker.groups.findOrCreate(groupId) : known(broker.groups.find(groupId));
  if (typeof group === 'number') return reply(refusedJoin(group, group === UNKNOWN_MEMBER_ID ? memberId : ''));
  const client = { clientId: header.clientId, clientHost: CLIENT_HOST };
  group.join(request, client, header.version >= FIRST_JOIN_WITH_REQUIRED_ID, reply);
});

/** @param missing the error code if the group does not exist */
function known(found: { readonly group: Group | undefined } | number, missing = UNKNOWN_MEMBER_ID): Group | number {
  return typeof found === 'number' ? found : (found.group ?? missing);
}

const syncGroup = handler(syncGroupApi, ({ groupId, assignments, ...member }, { broker }, reply) => {
  const group = known(broker.groups.find(groupId));
  if (typeof group === 'number') return reply(refusedSync(group));
  group.sync(member, assignments, reply);
});

const heartbeat = handler(
  heartbeatApi,
  atOnce(({ groupId, ...member }, { broker }) => {
    const group = known(broker.groups.find(groupId));
    return { throttleMs: 0, errorCode: typeof group === 'number' ? group : group.heartbeat(member) };
  }),
);

const FIRST_LEAVE_OF_SEVERAL = 3;

const leaveGroup = handler(
  leaveGroupApi,
  atOnce(({ groupId, memberId, members }, { broker, header }) => {
    const found = broker.groups.find(groupId);
    if (typeof found === 'number') return { throttleMs: 0, errorCode: found, members: [] };
    const leave = (id: string, instanceId: string | null): number =>
      found.group?.leave(id, instanceId) ?? UNKNOWN_MEMBER_ID;
    if (header.version < FIRST_LEAVE_OF_SEVERAL)
      return { throttleMs: 0, errorCode: leave(memberId, null), members: [] };
    const left = members.map((each) => ({ ...each, errorCode: leave(each.memberId, each.instanceId) }));
    return { throttleMs: 0, errorCode: NO_ERROR, members: left };
  }),
);

const describeGroups = handler(
  describeGroupsApi,
  atOnce(({ groupIds, includeOperations }, { broker }) => ({
    throttleMs: 0,
    groups: groupIds.map((groupId) => {
      const operations = includeOperations ? ALL_OPERATIONS : UNKNOWN_OPERATIONS;
      const found = broker.groups.find(groupId);
      const none = { groupId, state: '', protocolType: '', protocol: '', members: [], operations };
      if (typeof found === 'number') return { ...none, errorCode: found };
      if (found.group !== undefined) return { ...none, errorCode: NO_ERROR, ...described(found.group) };
      if (found.offsets.isEmpty) return { ...none, errorCode: NO_ERROR, state: 'Dead' };
      return { ...none, errorCode: NO_ERROR, state: 'Empty' };
    }),
  })),
);

/** During a rebalance, members are described without metadata and assignments. */
function described({ phase, protocolType, protocol, members }: Group) {
  const isStable = phase === 'Stable';
  return {
    state: phase,
    protocolType,
    protocol: isStable ? protocol : '',
    members: members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.client.clientId,
      clientHost: member.client.clientHost,
      metadata: isStable ? member.metadataFor(protocol) : Buffer.alloc(0),
      assignment: isStable ? member.assignment : Buffer.alloc(0),
    })),
  };
}

const listGroups = handler(
  listGroupsApi,
  atOnce((_request, { broker }) => ({
    throttleMs: 0,
    errorCode: NO_ERROR,
    groups: broker.groups.groups.map(({ groupId, protocolType }) => ({ groupId, protocolType })),
  })),
);

const deleteGroups = handler(deleteGroupsApi, ({ groupIds }, { broker }, reply) =>
  afterAll<string, number>(
    groupIds,
    (groupId, done) => broker.groups.deleteGroup(groupId, done),
    (codes) =>
      reply({ throttleMs: 0, groups: groupIds.map((groupId, i) => ({ groupId, errorCode: codes[i] ?? NO_ERROR })) }),
  ),
);

const consumerGroupDescribe = handler(
  consumerGroupDescribeApi,
  atOnce(({ groupIds }) => ({
    throttleMs: 0,
    groups: groupIds.map((groupId) => ({
      errorCode: GROUP_ID_NOT_FOUND,
      errorMessage: null,
      groupId,
      state: '',
      epoch: 0,
      assignmentEpoch: 0,
      assignor: '',
      members: [],
      operations: UNKNOWN_OPERATIONS,
    })),
  })),
);

export const GROUP_HANDLERS: readonly Handler[] = [
  joinGroup,
  syncGroup,
  heartbeat,
  leaveGroup,
  describeGroups,
  listGroups,
  deleteGroups,
  consumerGroupDescribe,
];
