/** Our assignor for kafkajs. In the group's leader it calls `assignPartitions` with the info that each member sends. */
import { AssignerProtocol, type GroupMember as JoinedMember, type PartitionAssigner } from 'kafkajs';
import { assignPartitions, type Assignment, type GroupMember } from '../../pipeline/assign-partitions.js';
import { settingsConflict, type GroupTerms } from './group-conflicts.js';
import {
  ASSIGNMENT_PROTOCOL,
  encodeAssignment,
  encodeMemberInfo,
  existingOf,
  infoOfMember,
  type MemberInfo,
} from './member-messages.js';

const { MemberMetadata } = AssignerProtocol;

/** A member that gets no partitions, and why. */
export interface RefusedMember {
  readonly memberId: string;
  readonly httpAddress: string | null;
  /** The settings in which it differs from the leader, with both values. */
  readonly conflict: string;
}

export interface AssignorOptions {
  /** The input topic. */
  readonly topic: string;
  /**
   * How many partitions it had at the start. A partition that is added later gets no owner, because it has no state.
   */
  readonly partitions: number;
  /** Returns the info that this member sends about itself. Called at each join. */
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
      const { settings, changelogId } = describe();
      const terms = { topic, settings };
      const refused = members.flatMap((member) => refusalOf(member, terms));
      for (const member of refused) onRefused(member);
      const taken = members.filter(({ memberId }) => !refused.some((member) => member.memberId === memberId));
      const assignments =
        taken.length === 0
          ? new Map<string, Assignment>()
          : assignPartitions(
              partitions,
              taken.map((member) => asGroupMember(member, partitions, changelogId)),
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

/**
 * Gives no partitions to a member that reads another topic or has other deciding settings: it would not run them, or
 * would run them wrongly.
 */
function refusalOf({ memberId, memberMetadata }: JoinedMember, terms: GroupTerms): RefusedMember[] {
  const conflict = settingsConflict(terms, memberMetadata, 'there');
  if (conflict === null) return [];
  return [{ memberId, httpAddress: infoOfMember(memberMetadata)?.httpAddress ?? null, conflict }];
}

/**
 * A member whose info cannot be read takes part like any other. It counts as one that has no partitions and no state.
 */
function asGroupMember(
  { memberId, memberMetadata }: JoinedMember,
  count: number,
  changelogId: string | null,
): GroupMember {
  const info = infoOfMember(memberMetadata);
  if (info === null) return { memberId, partitions: [], statePositions: new Map(), numStandby: null };
  // Another id means that the group has removed it, for example after a freeze. Its partitions may run elsewhere by
  // now.
  const partitions = info.memberId === memberId ? existingOf(info.partitions, count) : [];
  // Offsets of a deleted changelog have no meaning in a changelog that was created later under the same name.
  const isOther = changelogId !== null && info.changelogId !== null && info.changelogId !== changelogId;
  return { memberId, partitions, statePositions: isOther ? new Map() : info.statePositions, numStandby: info.numStandby };
}
