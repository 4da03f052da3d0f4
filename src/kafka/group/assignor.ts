/** Our assignor for kafkajs. In the group's leader it calls `assignPartitions` with the info that each member sends. */
import { AssignerProtocol, type GroupMember as JoinedMember, type PartitionAssigner } from 'kafkajs';
import { assignPartitions, type Assignment, type GroupMember } from '../../pipeline/assign-partitions.js';
import { settingsConflict, type GroupTerms } from './group-conflicts.js';
import {
  ASSIGNMENT_PROTOCOL,
  encodeAssignment,
  encodeMemberInfo,
  existingOf,
  readSubscription,
  type MemberInfo,
  type MemberSubscription,
} from './member-messages.js';

const { MemberMetadata } = AssignerProtocol;

/** A member that gets no partitions, and why. */
export interface RefusedMember {
  readonly memberId: string;
  readonly httpAddress: string | null;
  /** The settings in which it differs from the leader, with both values; or the limit that it exceeds. */
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
  /** Called in the group's leader, at each join, for each member that gets no partitions. */
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
      const read = members.map(readMember);
      const refused = read.flatMap((member) => refusalOf(member, { topic, settings }));
      for (const member of refused) onRefused(member);
      const refusedIds = new Set(refused.map(({ memberId }) => memberId));
      const taken = read.filter(({ memberId }) => !refusedIds.has(memberId));
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

interface ReadMember extends MemberSubscription {
  readonly memberId: string;
}

/** Decoding is most of the work for a member, so an assignment does it once. */
function readMember({ memberId, memberMetadata }: JoinedMember): ReadMember {
  return { memberId, ...readSubscription(memberMetadata) };
}

const NOTHING: Assignment = { active: [], standby: [] };

/**
 * Gives no partitions to a member that reads another topic, has other deciding settings, or exceeds a limit: it would
 * not run them, or would run them wrongly.
 */
function refusalOf(member: ReadMember, terms: GroupTerms): RefusedMember[] {
  const conflict = member.beyondLimit ?? settingsConflict(terms, member, 'there');
  return conflict === null
    ? []
    : [{ memberId: member.memberId, httpAddress: member.info?.httpAddress ?? null, conflict }];
}

/**
 * A member whose info cannot be read takes part like any other. It counts as one that has no partitions and no state.
 */
function asGroupMember({ memberId, info }: ReadMember, count: number, changelogId: string | null): GroupMember {
  if (info === null) return { memberId, partitions: [], statePositions: new Map(), numStandby: null };
  // Another id means that the group has removed it, for example after a freeze. Its partitions may run elsewhere by
  // now.
  const partitions = info.memberId === memberId ? existingOf(info.partitions, count) : [];
  // Offsets of a deleted changelog have no meaning in a changelog that was created later under the same name.
  const isOther = changelogId !== null && info.changelogId !== null && info.changelogId !== changelogId;
  return {
    memberId,
    partitions,
    statePositions: isOther ? new Map() : info.statePositions,
    numStandby: info.numStandby,
  };
}
