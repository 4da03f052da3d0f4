/**
 * The assignment by the plain form of the algorithm: it keeps the costs of all members for each partition, and looks for
 * the best two again whenever any member has no more room. `assignPartitions` must give the same result.
 */
import type { Assignment, GroupMember } from '../../../src/pipeline/assign-partitions.js';

export function slowlyAssigned(partitions: number, members: readonly GroupMember[]): Map<string, Assignment> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const replay = replayCosts(partitions, sorted);

  const active = new Placement(sorted.length, replay);
  keepWhatRuns(active, sorted, replay);
  active.place(
    all.filter((partition) => active.membersOf(partition).length === 0),
    1,
  );

  const copies = Math.min(standbysWanted(sorted), sorted.length - 1);
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

function replayCosts(partitions: number, members: readonly GroupMember[]): ReplayCosts {
  return Array.from({ length: partitions }, (_, partition) => {
    const positions = members.map(({ statePositions }) => statePositions.get(partition) ?? 0);
    const best = Math.max(...positions);
    return positions.map((position) => best - position);
  });
}

/** Leaves every partition with its member, except the surplus of members that have too many. */
function keepWhatRuns(placement: Placement, members: readonly GroupMember[], replay: ReplayCosts): void {
  const running = runningOn(members, replay);
  const least = Math.floor(replay.length / members.length);
  let oneMore = replay.length % members.length;
  const quota = running.map(({ length }) => (length > least && oneMore-- > 0 ? least + 1 : least));
  // The members that will take partitions from members that have too many.
  const takers = [...members.keys()].filter((member) => sizeOf(running[member]) < (quota[member] ?? 0));
  running.forEach((partitions, member) => {
    const surplus = Math.max(0, partitions.length - (quota[member] ?? 0));
    const costElsewhere = (partition: number) => Math.min(...takers.map((taker) => replay[partition]?.[taker] ?? 0));
    for (const partition of cheapestFirst(partitions, costElsewhere).slice(surplus)) placement.give(partition, member);
  });
}

/** The partitions that each member runs; no partition appears twice. */
function runningOn(members: readonly GroupMember[], replay: ReplayCosts): number[][] {
  const running = members.map((): number[] => []);
  const claims = members.map(({ partitions }) => new Set(partitions));
  for (let partition = 0; partition < replay.length; partition++) {
    const claimants = [...members.keys()].filter((member) => claims[member]?.has(partition));
    const [owner] = cheapestFirst(claimants, (member) => replay[partition]?.[member] ?? 0);
    if (owner !== undefined) running[owner]?.push(partition);
  }
  return running;
}

function sizeOf(list: readonly unknown[] | undefined): number {
  return list?.length ?? 0;
}

/** Sorts by cost; equal costs sort by number. */
function cheapestFirst(numbers: readonly number[], cost: (number: number) => number): number[] {
  const priced = numbers.map((number) => ({ number, cost: cost(number) }));
  return priced.sort((a, b) => a.cost - b.cost || a.number - b.number).map(({ number }) => number);
}

/** By partition, then by member: the changelog records between the member's state and the best state of any member. */
type ReplayCosts = readonly (readonly number[])[];

class Placement {
  readonly #membersOf: number[][];
  readonly #counts: number[];

  /** @param excluded a placement whose members must not get the same partition here */
  constructor(
    members: number,
    private readonly replay: ReplayCosts,
    private readonly excluded: Placement | null = null,
  ) {
    this.#membersOf = replay.map(() => []);
    this.#counts = new Array<number>(members).fill(0);
  }

  /** The members that have the partition. */
  membersOf(partition: number): readonly number[] {
    return this.#membersOf[partition] ?? [];
  }

  partitionsOf(member: number): number[] {
    return [...this.#membersOf.keys()].filter((partition) => this.membersOf(partition).includes(member));
  }

  give(partition: number, member: number): void {
    this.#membersOf[partition]?.push(member);
    this.#counts[member] = this.#count(member) + 1;
  }

  /**
   * Gives each of the partitions to `copies` more members. Afterwards counts differ by at most one, unless earlier
   * placements make that impossible. The partition whose second choice would cost most is placed first (Vogel's
   * approximation of the transportation problem).
   *
   * It ends for any numbers: the number of steps is known before the first step.
   */
  place(partitions: readonly number[], copies: number): void {
    const total = this.#counts.reduce((sum, count) => sum + count, partitions.length * copies);
    const left = new Map(partitions.map((partition) => [partition, copies]));
    const regrets = new Map(copies === 0 ? [] : partitions.map((partition) => [partition, 0]));
    let withRoom: number[] = [];
    const steps = partitions.length * Math.min(copies, this.#counts.length);
    for (let step = 0; step < steps && regrets.size > 0; step++) {
      const before = withRoom.length;
      withRoom = this.#withRoom(total);
      // The partitions lose choices only when this list shrinks.
      if (withRoom.length !== before)
        for (const partition of regrets.keys()) regrets.set(partition, this.#regretOf(partition, withRoom));
      const partition = keyOfGreatest(regrets);
      const member = this.#cheapest(partition, withRoom);
      if (member === null) this.#makeRoom(partition, withRoom);
      else this.give(partition, member);
      const copiesLeft = (left.get(partition) ?? 1) - 1;
      left.set(partition, copiesLeft);
      if (copiesLeft === 0) regrets.delete(partition);
      else regrets.set(partition, this.#regretOf(partition, withRoom));
    }
  }

  /** The members that can take one more of `total` partitions, least loaded first. */
  #withRoom(total: number): number[] {
    const least = Math.floor(total / this.#counts.length);
    const above = this.#counts.filter((count) => count > least).length;
    const limit = above < total % this.#counts.length ? least : least - 1;
    const all = [...this.#counts.keys()].filter((member) => this.#count(member) <= limit);
    return all.sort((a, b) => this.#count(a) - this.#count(b) || a - b);
  }

  /** How much more the second choice would cost than the first. Infinite without a second choice. */
  #regretOf(partition: number, members: readonly number[]): number {
    let least = Infinity;
    let second = Infinity;
    for (const member of members) {
      const cost = this.#cost(partition, member);
      second = Math.min(second, Math.max(least, cost));
      least = Math.min(least, cost);
    }
    return second === Infinity ? Infinity : second - least;
  }

  /** The cheapest member that may have the partition, the first one among equals; null if none may have it. */
  #cheapest(partition: number, members: readonly number[]): number | null {
    let cheapest: number | null = null;
    let least = Infinity;
    for (const member of members) {
      const cost = this.#cost(partition, member);
      if (cost >= least) continue;
      least = cost;
      cheapest = member;
    }
    return cheapest;
  }

  /** Infinite if the member must not have the partition. */
  #cost(partition: number, member: number): number {
    const taken = this.membersOf(partition).includes(member) || this.excluded?.membersOf(partition).includes(member);
    return taken === true ? Infinity : (this.replay[partition]?.[member] ?? 0);
  }

  /**
   * Handles a partition that no member with room may have. A member with room takes another partition from a third
   * member, and the third member gets this partition.
   */
  #makeRoom(partition: number, withRoom: readonly number[]): void {
    const mayHave = [...this.#counts.keys()].filter((member) => this.#cost(partition, member) < Infinity);
    for (const giver of mayHave) {
      for (const given of this.partitionsOf(giver)) {
        const taker = withRoom.find((member) => this.#cost(given, member) < Infinity);
        if (taker === undefined) continue;
        this.#move(given, giver, taker);
        return this.give(partition, giver);
      }
    }
    const [leastLoaded] = mayHave.sort((a, b) => this.#count(a) - this.#count(b));
    if (leastLoaded !== undefined) this.give(partition, leastLoaded);
  }

  #move(partition: number, from: number, to: number): void {
    this.#membersOf[partition] = this.membersOf(partition).filter((member) => member !== from);
    this.#counts[from] = this.#count(from) - 1;
    this.give(partition, to);
  }

  #count(member: number): number {
    return this.#counts[member] ?? 0;
  }
}

/** The key of the greatest value; the first one among equals. */
function keyOfGreatest(values: ReadonlyMap<number, number>): number {
  let greatest = -Infinity;
  let greatestKey = -1;
  for (const [key, value] of values) {
    if (value <= greatest) continue;
    greatest = value;
    greatestKey = key;
  }
  return greatestKey;
}
