/**
 * Decides which member of the group runs which partition, and which members keep a standby of it. The result depends
 * only on the arguments, so every member that leads the group decides the same.
 *
 * 1. The numbers of partitions of any two members differ by at most one.
 * 2. Within rule 1, a partition stays with its present member: only as many move as rule 1 requires.
 * 3. A partition that must move, or that has no owner, goes to the member with the least of its changelog left to
 *    replay. If one member takes a partition, another cannot. So the partition whose second choice would cost most is
 *    placed first (Vogel's approximation of the transportation problem).
 * 4. The same rule places standbys, each on a member that neither runs the partition nor has another standby of it.
 */
import { costFor, Placement, type ReplayCost } from './partition-placement.js';

/**
 * Standbys of all partitions together. Each takes a step over all members and partitions, and any client that may join
 * the group can want many. With more, each partition gets fewer; at least one.
 */
export const MAX_STANDBYS_TOGETHER = 10_000;
/**
 * States of all members together. Members with few states come first, so members that claim very many cannot displace
 * the others. Further members count as members without state.
 */
export const MAX_STATES_TOGETHER = 100_000;

/** A member of the group as the leader knows it. */
export interface GroupMember {
  readonly memberId: string;
  /** The partitions that it runs. If several members claim one, the member furthest in its changelog keeps it. */
  readonly partitions: readonly number[];
  /** Partition -> changelog position of the state on its disk. A missing partition counts as 0. */
  readonly statePositions: ReadonlyMap<number, number>;
  /**
   * Standby replicas that it wants for each partition; null if that is unknown. The number that most members want
   * counts: one member cannot make all others keep state that they do not want.
   */
  readonly numStandby: number | null;
}

/** The partitions given to one member, in ascending order. */
export interface Assignment {
  readonly active: readonly number[];
  readonly standby: readonly number[];
}

/**
 * Assigns partitions and standbys to the members.
 *
 * @param partitions the number of partitions
 * @param members at least one, each with a different id, in any order
 * @returns by member id, for every member
 */
export function assignPartitions(partitions: number, members: readonly GroupMember[]): Map<string, Assignment> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const replay = replayCosts(partitions, sorted);

  const active = new Placement(sorted.length, replay);
  keepWhatRuns(active, sorted, replay);
  active.place(
    all.filter((partition) => active.membersOf(partition).length === 0),
    1,
  );

  const most = Math.max(1, Math.floor(MAX_STANDBYS_TOGETHER / partitions));
  const copies = Math.min(standbysWanted(sorted), sorted.length - 1, most);
  const standby = new Placement(sorted.length, replay, active);
  standby.place(all, copies);

  return new Map(
    sorted.map(({ memberId }, member) => [
      memberId,
      { active: active.partitionsOf(member), standby: standby.partitionsOf(member) },
    ]),
  );
}

/** The number of standbys that most members want; the smallest one if several are equally common. */
function standbysWanted(members: readonly GroupMember[]): number {
  const votes = new Map<number, number>();
  for (const { numStandby } of members)
    if (numStandby !== null) votes.set(numStandby, (votes.get(numStandby) ?? 0) + 1);
  const [most] = [...votes].sort(([a, votesOfA], [b, votesOfB]) => votesOfB - votesOfA || a - b);
  return most?.[0] ?? 0;
}

function replayCosts(partitions: number, members: readonly GroupMember[]): ReplayCost[] {
  const positions = Array.from({ length: partitions }, () => new Map<number, number>());
  for (const member of membersWithState(members))
    for (const [partition, position] of members[member]?.statePositions ?? [])
      if (position > 0) positions[partition]?.set(member, position);
  return positions.map((positionsOf) => {
    let best = 0;
    for (const position of positionsOf.values()) best = Math.max(best, position);
    const withState = new Map([...positionsOf].map(([member, position]) => [member, best - position]));
    return { withState, cheapestFirst: cheapestFirst([...withState.keys()], withState), withoutState: best };
  });
}

/** The members whose states count. */
function membersWithState(members: readonly GroupMember[]): number[] {
  const statesOf = (member: number) => members[member]?.statePositions.size ?? 0;
  const inOrder = [...members.keys()].sort((a, b) => statesOf(a) - statesOf(b) || a - b);
  let states = 0;
  const end = inOrder.findIndex((member) => (states += statesOf(member)) > MAX_STATES_TOGETHER);
  return end === -1 ? inOrder : inOrder.slice(0, end);
}

/** Leaves every partition with its member, except the surplus of members that have too many. */
function keepWhatRuns(placement: Placement, members: readonly GroupMember[], replay: readonly ReplayCost[]): void {
  const running = runningOn(members, replay);
  const least = Math.floor(replay.length / members.length);
  let oneMore = replay.length % members.length;
  const quota = running.map(({ length }) => (length > least && oneMore-- > 0 ? least + 1 : least));
  // The members that will take partitions from members that have too many.
  const takers = new Set([...members.keys()].filter((member) => sizeOf(running[member]) < (quota[member] ?? 0)));
  running.forEach((partitions, member) => {
    const surplus = Math.max(0, partitions.length - (quota[member] ?? 0));
    const costElsewhere = new Map(partitions.map((partition) => [partition, leastCost(takers, replay[partition])]));
    for (const partition of cheapestFirst(partitions, costElsewhere).slice(surplus)) placement.give(partition, member);
  });
}

/** What the cheapest of the members costs. Infinite without members. */
function leastCost(members: ReadonlySet<number>, replay: ReplayCost | undefined): number {
  if (replay === undefined || members.size === 0) return Infinity;
  const cheapest = replay.cheapestFirst.find((member) => members.has(member));
  return cheapest === undefined ? replay.withoutState : costFor(replay, cheapest);
}

/** The partitions that each member runs; no partition appears twice. */
function runningOn(members: readonly GroupMember[], replay: readonly ReplayCost[]): number[][] {
  const running = members.map((): number[] => []);
  const claimants = replay.map((): number[] => []);
  members.forEach(({ partitions }, member) => {
    for (const partition of partitions) claimants[partition]?.push(member);
  });
  replay.forEach((cost, partition) => {
    let owner: number | null = null;
    for (const member of claimants[partition] ?? [])
      if (owner === null || costFor(cost, member) < costFor(cost, owner)) owner = member;
    if (owner !== null) running[owner]?.push(partition);
  });
  return running;
}

function sizeOf(list: readonly unknown[] | undefined): number {
  return list?.length ?? 0;
}

/** Sorts by cost; equal costs sort by number. */
function cheapestFirst(numbers: readonly number[], costs: ReadonlyMap<number, number>): number[] {
  const costOf = (number: number) => costs.get(number) ?? 0;
  return [...numbers].sort((a, b) => costOf(a) - costOf(b) || a - b);
}
