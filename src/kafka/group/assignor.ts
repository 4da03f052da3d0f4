/** Our assignor for kafkajs. In the group's leader it calls `assignPartitions` with the info that each member sends. */
import { AssignerProtocol, type GroupMember as JoinedMember, type PartitionAssigner } from 'kafkajs';
import { assignPartitions, type Assignment, type GroupMember } from '../../pipeline/assign-partitions.js';
import { settingsConflict, type GroupTerms } from './group-conflicts.js';
import {
  ASSIGNMENT_PROTOCOL,
  encodeAssignment,
  encodeMemberInfo,
  existingOf,
  isTooLong,
  NO_SUBSCRIPTION,
  readSubscription,
  type MemberInfo,
  type MemberSubscription,
} from './member-messages.js';
import { membersRead } from './members-read.js';

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
  /** Called in the group's leader, at each join, for each of the first members that get no partitions. */
  readonly onRefused: (member: RefusedMember) => void;
  /** Called in the group's leader, at each join, if the members together exceed a limit. */
  readonly onTooMany: (members: TooManyMembers) => void;
}

/** Numbers of members. */
export interface TooManyMembers {
  readonly members: number;
  /** They count as members without partitions and state, because the members send too much together. */
  readonly unread: number;
  /** They get no partitions, because the group has too many members. */
  readonly unplaced: number;
  /** They get no partitions, and `onRefused` was not called for them. */
  readonly unreported: number;
}

/** Members that get partitions and standbys. The time of an assignment grows with their number. */
export const MAX_PLACED_MEMBERS = 3_000;
/** Members that are reported one by one. */
const MAX_REPORTED = 20;

export function createAssignor({
  topic,
  partitions,
  describe,
  onRefused,
  onTooMany,
}: AssignorOptions): PartitionAssigner {
  return () => ({
    name: ASSIGNMENT_PROTOCOL,
    version: 0,
    protocol: ({ topics }) => ({
      name: ASSIGNMENT_PROTOCOL,
      metadata: MemberMetadata.encode({ version: 0, topics, userData: encodeMemberInfo(describe()) }),
    }),
    assign: ({ members }) => {
      const { settings, changelogId } = describe();
      const known = membersRead(members, ({ memberMetadata }) => memberMetadata.length);
      const read = members.map((member) => readMember(member, known.has(member)));
      const refused = read.flatMap((member) => refusalOf(member, { topic, settings }));
      for (const member of refused.slice(0, MAX_REPORTED)) onRefused(member);
      const refusedIds = new Set(refused.map(({ memberId }) => memberId));
      const taken = read
        .filter(({ memberId }) => !refusedIds.has(memberId))
        .map((member) => asGroupMember(member, partitions, changelogId));
      const placed = membersToPlace(taken);
      const beyond = {
        unread: members.length - known.size,
        unplaced: taken.length - placed.length,
        unreported: Math.max(0, refused.length - MAX_REPORTED),
      };
      if (Object.values(beyond).some((count) => count > 0)) onTooMany({ members: members.length, ...beyond });
      const assignments = placed.length === 0 ? new Map<string, Assignment>() : assignPartitions(partitions, placed);
      const nothing = encodeAssignment(topic, { active: [], standby: [] });
      return Promise.resolve(
        members.map(({ memberId }) => {
          const assignment = assignments.get(memberId);
          return { memberId, memberAssignment: assignment ? encodeAssignment(topic, assignment) : nothing };
        }),
      );
    },
  });
}

interface ReadMember extends MemberSubscription {
  readonly memberId: string;
}

/** Decoding is most of the work for a member, so an assignment does it once. */
function readMember({ memberId, memberMetadata }: JoinedMember, isKnown: boolean): ReadMember {
  return { memberId, ...(isKnown || isTooLong(memberMetadata) ? readSubscription(memberMetadata) : NO_SUBSCRIPTION) };
}

/**
 * The members that get partitions: first those that run partitions, then those that have state. Other clients can join
 * with any number of members that claim nothing, and these must not displace instances.
 */
function membersToPlace(members: readonly GroupMember[]): readonly GroupMember[] {
  if (members.length <= MAX_PLACED_MEMBERS) return members;
  const rank = ({ partitions, statePositions }: GroupMember) =>
    partitions.length > 0 ? 0 : statePositions.size > 0 ? 1 : 2;
  const inOrder = [...members].sort((a, b) => rank(a) - rank(b) || (a.memberId < b.memberId ? -1 : 1));
  return inOrder.slice(0, MAX_PLACED_MEMBERS);
}

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
  const states = isOther ? [] : [...info.statePositions].filter(([partition]) => partition < count);
  return {
    memberId,
    partitions,
    statePositions: new Map(states),
    numStandby: info.numStandby,
  };
}
