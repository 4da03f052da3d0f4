/** `assignPartitions` as kafkajs calls it in the group's leader, with what each member tells of itself. */
import { AssignerProtocol, type GroupMember as JoinedMember, type PartitionAssigner } from 'kafkajs';
import { assignPartitions, type GroupMember } from '../pipeline/assign-partitions.js';
import { encodeAssignment } from './member-assignment.js';
import { encodeMemberInfo, infoOfMember, type MemberInfo } from './member-info.js';

const { MemberMetadata } = AssignerProtocol;

/** The group's name for this way of assigning: all members must know it. */
const PROTOCOL = 'company-sync';

/**
 * @param topic the input topic
 * @param partitions how many it had at the start: what is added later is nobody's, for the state knows nothing of it
 * @param describe what this member tells of itself; asked at each join
 */
export function createAssignor(topic: string, partitions: number, describe: () => MemberInfo): PartitionAssigner {
  return () => ({
    name: PROTOCOL,
    version: 0,
    protocol: ({ topics }) => ({
      name: PROTOCOL,
      metadata: MemberMetadata.encode({ version: 0, topics, userData: encodeMemberInfo(describe()) }),
    }),
    assign: ({ members }) => {
      const assignments = assignPartitions(partitions, members.map(asGroupMember));
      return Promise.resolve(
        [...assignments].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: encodeAssignment(topic, assignment),
        })),
      );
    },
  });
}

/** One that tells nothing that can be read is a member like any other, without partitions or state so far. */
function asGroupMember({ memberId, memberMetadata }: JoinedMember): GroupMember {
  const info = infoOfMember(memberMetadata);
  if (info === null) return { memberId, partitions: [], held: new Map(), numStandby: 0 };
  // Under another id it was thrown out of the group, as after a freeze: by now its partitions may run elsewhere.
  const partitions = info.memberId === memberId ? info.partitions : [];
  return { memberId, partitions, held: info.held, numStandby: info.numStandby };
}
