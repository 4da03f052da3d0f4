/** How the group's leader spreads the partitions over the members; kafkajs's round-robin, with what each member tells. */
import { AssignerProtocol, PartitionAssigners, type PartitionAssigner } from 'kafkajs';
import { encodeMemberInfo, type MemberInfo } from './member-info.js';

const { MemberMetadata } = AssignerProtocol;

/** The group's name for this way of assigning: all members must know it. */
const PROTOCOL = 'company-sync';

/** @param describe what this member tells of itself; asked at each join */
export function createAssignor(describe: () => MemberInfo): PartitionAssigner {
  return (context) => {
    const roundRobin = PartitionAssigners.roundRobin(context);
    return {
      name: PROTOCOL,
      version: 0,
      assign: (group) => roundRobin.assign(group),
      protocol: ({ topics }) => ({
        name: PROTOCOL,
        metadata: MemberMetadata.encode({ version: 0, topics, userData: encodeMemberInfo(describe()) }),
      }),
    };
  };
}
