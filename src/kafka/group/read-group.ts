/**
 * Reads the members of a described group. Members write what is read here, and anyone who may ask about a company has
 * the group described. So each member is decoded once, until its bytes change.
 */
import type { PartitionOwner, StateHolder } from '../../pipeline/ports.js';
import type { DescribedGroup } from '../protocol/describe-group.js';
import { partitionsIn, readSubscription, standbysIn } from './member-messages.js';
import { describedRead } from './members-read.js';

type DescribedMember = DescribedGroup['members'][number];

interface ReadMember {
  /** What it was read from. */
  readonly described: Pick<DescribedMember, 'memberMetadata' | 'memberAssignment'>;
  readonly holder: StateHolder;
  readonly partitions: readonly number[];
}

export interface ReadGroup {
  readonly members: ReadonlyMap<string, ReadMember>;
  readonly owners: readonly PartitionOwner[];
  readonly holders: readonly StateHolder[];
}

export const NO_GROUP: ReadGroup = { members: new Map(), owners: [], holders: [] };

/**
 * Decodes only the members whose bytes differ from the latest group. Returns that group if none do. If the members send
 * too much together, the group has only those with the smallest messages.
 */
export function readGroup(described: readonly DescribedMember[], topic: string, latest: ReadGroup): ReadGroup {
  const known = describedRead(described);
  let changed = known.size !== latest.members.size;
  const members = new Map<string, ReadMember>();
  for (const member of known) {
    const former = latest.members.get(member.memberId);
    const isKnown = former !== undefined && isSame(former.described, member);
    changed ||= !isKnown;
    // All buffers are slices of one answer: a slice of an older answer would keep that whole answer in memory.
    members.set(member.memberId, isKnown ? { ...former, described: member } : readMember(member, topic));
  }
  if (!changed) return latest;
  const holders = [...members.values()].map(({ holder }) => holder);
  const owners = [...members.values()].flatMap(({ partitions, holder: { memberId, httpAddress } }) =>
    partitions.map((partition) => ({ partition, memberId, httpAddress })),
  );
  return { members, holders, owners: owners.sort((a, b) => a.partition - b.partition) };
}

function isSame(a: ReadMember['described'], b: ReadMember['described']): boolean {
  return a.memberMetadata.equals(b.memberMetadata) && a.memberAssignment.equals(b.memberAssignment);
}

function readMember({ memberId, memberMetadata, memberAssignment }: DescribedMember, topic: string): ReadMember {
  const { info } = readSubscription(memberMetadata);
  const holder = {
    memberId,
    httpAddress: info?.httpAddress ?? null,
    standbys: standbysIn(memberAssignment),
    statePositions: info?.statePositions ?? new Map<number, number>(),
  };
  return { described: { memberMetadata, memberAssignment }, holder, partitions: partitionsIn(memberAssignment, topic) };
}
