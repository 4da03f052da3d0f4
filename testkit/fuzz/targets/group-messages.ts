import { AssignerProtocol, type GroupMember } from 'kafkajs';
import { createAssignor } from '../../../src/kafka/group/assignor.js';
import * as messages from '../../../src/kafka/group/member-messages.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';

const PARTITIONS = 6;
const INFO: messages.MemberInfo = {
  httpAddress: 'http://10.0.0.1:8080',
  numStandby: 1,
  memberId: 'member-0',
  partitions: [0, 2, 5],
  statePositions: new Map([
    [0, 100],
    [3, 5],
  ]),
  settings: new Map([['EVENT_NAMESPACE', 'company-sync']]),
  changelogId: 'abc',
};

/** Bytes that are read as a subscription, as user data and as an assignment. */
export const groupMessages: FuzzTarget = {
  name: 'group-messages',
  input: 'what members of the group send to its leader, and what a leader assigns',
  mayThrow: [],
  maxMs: 300,
  maxBytes: { fixed: 16 * MIB, perByte: 2_000 },
  maxInputBytes: 8 * 1024,
  tokens: ['http://', 'company-sync', 'input', Buffer.of(1, 0)],
  samples: () => {
    const userData = messages.encodeMemberInfo(INFO);
    return samplesOf({
      info: userData,
      subscription: AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['input'], userData }),
      foreign: AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['other'], userData: Buffer.alloc(0) }),
      assignment: messages.encodeAssignment('input', { active: [0, 3], standby: [1] }),
    });
  },
  open,
};

function open(): OpenTarget {
  const assigner = createAssignor({
    topic: 'input',
    partitions: PARTITIONS,
    describe: () => INFO,
    onRefused: () => undefined,
    onTooMany: () => undefined,
  })({} as never);
  const own = AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: ['input'],
    userData: messages.encodeMemberInfo(INFO),
  });
  const run = async (input: Buffer): Promise<void> => {
    messages.decodeMemberInfo(input);
    messages.readSubscription(input);
    messages.standbysIn(input);
    messages.hasPartitions(input);
    messages.existingOf(messages.partitionsIn(input, 'input'), PARTITIONS);
    const wrapped = AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['input'], userData: input });
    const members = [own, input, wrapped].map((memberMetadata, i): GroupMember => ({
      memberId: `member-${i}`,
      memberMetadata,
    }));
    const assigned = await assigner.assign({ members, topics: ['input'] });
    const partitions = assigned.flatMap(({ memberAssignment }) => messages.partitionsIn(memberAssignment, 'input'));
    // Our own member is always there, so each partition has an owner.
    if ([...partitions].sort().join() !== Array.from({ length: PARTITIONS }, (_, i) => i).join())
      throw new ContradictionError(`partitions ${partitions.join()} were assigned`);
  };
  return { run };
}
