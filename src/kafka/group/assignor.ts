/** `assignPartitions` as kafkajs calls it in the group's leader, with what each member tells of itself. */
import { AssignerProtocol, type GroupMember as JoinedMember, type PartitionAssigner } from 'kafkajs';
import { assignPartitions, type Assignment, type GroupMember } from '../../pipeline/assign-partitions.js';
import { settingsConflict, type GroupTerms } from './group-conflicts.js';
import {
  ASSIGNMENT_PROTOCOL,
  encodeAssignment,
  encodeMemberInfo,
  infoOfMember,
  type MemberInfo,
} from './member-messages.js';

const { MemberMetadata } = AssignerProtocol;

/** A member that is given nothing, and why. */
export interface RefusedMember {
  readonly memberId: string;
  readonly httpAddress: string | null;
  /** The settings in which it differs, with both values. */
  readonly conflict: string;
}

export interface AssignorOptions {
  /** The input topic. */
  readonly topic: string;
  /** How many it had at the start: a partition that is added later has no owner, for the state knows nothing of it. */
  readonly partitions: number;
  /** The info that this member sends about itself; read at each join. */
  readonly describe: () => MemberInfo;
  /** Called in the group's leader, at each join, for each member whose settings differ from the leader's own. */
  readonly onRefused: (member: RefusedMember) => void;
}

export function createAssignor({ topic, partitions, describe, onRefused }: AssignorOptions): PartitionAssigner {
  return () => ({
    name: ASSIGNMENT_PROTOCOL,
    version: 0,
    protocol: ({ topics }) => ({
      name: ASSIGNMENT_PROTOCOL,
      metadata: MemberMetadata.encode({ version: 0, topics, userData: encodeMemberInfo(describe()) }),
    }),
    assign: ({ members }) => {
      const own = describe();
      const terms = { topic, settings: own.settings };
      const refused = members.flatMap((member) => refusalOf(member, terms));
      for (const member of refused) onRefused(member);
      const taken = members.filter(({ memberId }) => !refused.some((member) => member.memberId === memberId));
      const assignments =
        taken.length === 0
          ? new Map<string, Assignment>()
          : assignPartitions(
              partitions,
              taken.map((member) => asGroupMember(member, own.changelogId)),
            );
      return Promise.resolve(
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: encodeAssignment(topic, assignments.get(memberId) ?? NOTHING),
        })),
      );
    },
  });
}

const NOTHING: Assignment = { active: [], standby: [] };

/** A member that reads another topic, or decides by other settings, would leave its share without an owner or run it wrongly. */
function refusalOf({ memberId, memberMetadata }: JoinedMember, terms: GroupTerms): RefusedMember[] {
  const conflict = settingsConflict(terms, memberMetadata, 'there');
  if (conflict === null) return [];
  return [{ memberId, httpAddress: infoOfMember(memberMetadata)?.httpAddress ?? null, conflict }];
}

/** One that tells nothing that can be read is a member like any other, without partitions or state so far. */
function asGroupMember({ memberId, memberMetadata }: JoinedMember, changelogId: string | null): GroupMember {
  const info = infoOfMember(memberMetadata);
  if (info === null) return { memberId, partitions: [], held: new Map(), numStandby: 0 };
  // Under another id it was thrown out of the group, as after a freeze: by now its partitions may run elsewhere.
  const partitions = info.memberId === memberId ? info.partitions : [];
  // Offsets of a changelog that was deleted say nothing about the one that was created under its name.
  const isOther = changelogId !== null && info.changelogId !== null && info.changelogId !== changelogId;
  return { memberId, partitions, held: isOther ? new Map() : info.held, numStandby: info.numStandby };
}
