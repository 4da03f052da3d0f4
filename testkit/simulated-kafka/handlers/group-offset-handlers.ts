/** Requests about the offsets of a group. */
import {
  GROUP_ID_NOT_FOUND,
  GROUP_SUBSCRIBED_TO_TOPIC,
  ILLEGAL_GENERATION,
  NO_ERROR,
  UNKNOWN_MEMBER_ID,
  UNSTABLE_OFFSET_COMMIT,
} from '../error-codes.js';
import type { GroupOffsets } from '../groups/group-offsets.js';
import { offsetCommitApi, offsetDeleteApi, offsetFetchApi } from '../wire/group-apis.js';
import { atOnce, forPartitions, handler, type Handler } from './handler.js';

const NO_OFFSET = -1;
const NO_EPOCH = -1;

const offsetCommit = handler(offsetCommitApi, ({ groupId, topics, ...member }, { broker }, reply) => {
  const answer = (errorCode: number): void =>
    reply({ throttleMs: 0, topics: forPartitions(topics, (_topic, { partition }) => ({ partition, errorCode })) });
  const found = broker.groups.find(groupId);
  if (typeof found === 'number') return answer(found);
  const isMember = member.generation >= 0 || member.memberId !== '';
  const missing = isMember ? (member.generation >= 0 ? ILLEGAL_GENERATION : UNKNOWN_MEMBER_ID) : NO_ERROR;
  const fault = found.group?.commitFault(member) ?? missing;
  if (fault !== NO_ERROR) return answer(fault);
  const offsets = topics.flatMap(({ topic, partitions }) => partitions.map((each) => ({ topic, ...each })));
  broker.groups.commit(groupId, offsets, null, answer);
});

const offsetFetch = handler(
  offsetFetchApi,
  atOnce(({ groupId, topics, requireStable }, { broker }) => {
    const found = broker.groups.find(groupId);
    if (typeof found === 'number') return { throttleMs: 0, topics: [], errorCode: found };
    const { offsets } = found;
    const asked = topics ?? offsets.all.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
    return {
      throttleMs: 0,
      topics: forPartitions(asked, (topic, partition) => fetched(offsets, topic, partition, requireStable)),
      errorCode: NO_ERROR,
    };
  }),
);

function fetched(offsets: GroupOffsets, topic: string, partition: number, requireStable: boolean) {
  if (requireStable && offsets.isPending(topic, partition))
    return { partition, offset: NO_OFFSET, leaderEpoch: NO_EPOCH, metadata: '', errorCode: UNSTABLE_OFFSET_COMMIT };
  const { offset = NO_OFFSET, leaderEpoch = NO_EPOCH, metadata = '' } = offsets.find(topic, partition) ?? {};
  return { partition, offset, leaderEpoch, metadata: metadata ?? '', errorCode: NO_ERROR };
}

/** Offsets of topics that a member subscribes to are not deleted. The simulation takes every topic for such a one. */
const offsetDelete = handler(offsetDeleteApi, ({ groupId, topics }, { broker }, reply) => {
  const refuse = (errorCode: number): void => reply({ errorCode, throttleMs: 0, topics: [] });
  const found = broker.groups.find(groupId);
  if (typeof found === 'number') return refuse(found);
  if (found.group === undefined && found.offsets.isEmpty) return refuse(GROUP_ID_NOT_FOUND);
  const answer = (code: number): void =>
    reply({
      errorCode: NO_ERROR,
      throttleMs: 0,
      topics: forPartitions(topics, (_topic, { partition }) => ({ partition, errorCode: code })),
    });
  if ((found.group?.members.length ?? 0) > 0) return answer(GROUP_SUBSCRIBED_TO_TOPIC);
  const partitions = topics.flatMap(({ topic, partitions: ids }) => ids.map(({ partition }) => ({ topic, partition })));
  broker.groups.deleteOffsets(groupId, partitions, answer);
});

export const GROUP_OFFSET_HANDLERS: readonly Handler[] = [offsetCommit, offsetFetch, offsetDelete];
