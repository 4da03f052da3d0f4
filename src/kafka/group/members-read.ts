/**
 * Chooses which members of a group are read. Any client that may join the group can add members, and each of them may
 * send a message of any size. So the work for all members together is limited.
 */

import type { DescribedGroup } from '../protocol/describe-group.js';

/**
 * The most bytes of what all members send that are read. 3,000 instances with 100,000 states send less. The claims in
 * them take up to 60 MiB of memory.
 */
export const MAX_MEMBERS_BYTES = 2 * 1_024 * 1_024;
/** What a member counts beside its bytes: a member without bytes costs time too. */
const MEMBER_BYTES = 64;

/**
 * The members to read, the smallest messages first: large messages of other clients cannot displace the small ones of
 * instances. The result does not depend on the order of the members.
 */
export function membersRead<T extends { readonly memberId: string }>(
  members: readonly T[],
  bytesOf: (member: T) => number,
): ReadonlySet<T> {
  const cost = (member: T) => bytesOf(member) + MEMBER_BYTES;
  let left = MAX_MEMBERS_BYTES;
  if (members.reduce((sum, member) => sum + cost(member), 0) <= left) return new Set(members);
  const smallestFirst = [...members].sort((a, b) => bytesOf(a) - bytesOf(b) || (a.memberId < b.memberId ? -1 : 1));
  const end = smallestFirst.findIndex((member) => (left -= cost(member)) < 0);
  return new Set(smallestFirst.slice(0, end));
}

/** `membersRead` of a group that its coordinator describes. */
export function describedRead<T extends DescribedGroup['members'][number]>(members: readonly T[]): ReadonlySet<T> {
  return membersRead(
    members,
    ({ memberMetadata, memberAssignment }) => memberMetadata.length + memberAssignment.length,
  );
}
