/**
 * Places partitions on members: evenly, and on the member with the least left to replay. Here members are numbers from
 * 0.
 *
 * A group may have thousands of members, and few of them have state of one partition. So `place` keeps the best two
 * members of each partition, and looks for them again only when one of the two has no more room.
 */
import { MembersWithRoom } from './members-with-room.js';

/** The changelog records between a member's state of one partition and the best state of any member. */
export interface ReplayCost {
  /** By member with state. */
  readonly withState: ReadonlyMap<number, number>;
  /** The members with state, the cheapest first. */
  readonly cheapestFirst: readonly number[];
  /** For each other member. More than for any member with state. */
  readonly withoutState: number;
}

export function costFor({ withState, withoutState }: ReplayCost, member: number): number {
  return withState.get(member) ?? withoutState;
}

/** What `place` knows of one of its partitions. */
interface Waiting {
  readonly partition: number;
  copiesLeft: number;
  /** The best two members; null if there are not as many. */
  first: number | null;
  second: number | null;
  /** How much more the second choice would cost than the first. Infinite without a second choice. */
  regret: number;
  /** So many of `cheapestFirst` have no more room. */
  skipped: number;
}

export class Placement {
  readonly #membersOf: number[][];
  readonly #partitionsOf: number[][];

  /**
   * @param replay by partition
   * @param excluded a placement whose members must not get the same partition here
   */
  constructor(
    members: number,
    private readonly replay: readonly ReplayCost[],
    private readonly excluded: Placement | null = null,
  ) {
    this.#membersOf = replay.map(() => []);
    this.#partitionsOf = Array.from({ length: members }, () => []);
  }

  /** The members that have the partition. */
  membersOf(partition: number): readonly number[] {
    return this.#membersOf[partition] ?? [];
  }

  partitionsOf(member: number): number[] {
    return [...(this.#partitionsOf[member] ?? [])].sort((a, b) => a - b);
  }

  give(partition: number, member: number): void {
    this.#membersOf[partition]?.push(member);
    this.#partitionsOf[member]?.push(partition);
  }

  /**
   * Gives each of the partitions to `copies` more members. Afterwards counts differ by at most one, unless earlier
   * placements make that impossible. The partition whose second choice would cost most is placed first (Vogel's
   * approximation of the transportation problem).
   *
   * It ends for any numbers: the number of steps is known before the first step.
   */
  place(partitions: readonly number[], copies: number): void {
    const given = this.#partitionsOf.reduce((sum, { length }) => sum + length, 0);
    const room = new MembersWithRoom(this.#partitionsOf, given + partitions.length * copies);
    const waiting = partitions.map((partition): Waiting => {
      return { partition, copiesLeft: copies, first: null, second: null, regret: 0, skipped: 0 };
    });
    for (const one of waiting) this.#seekBestTwo(one, room);
    const steps = partitions.length * Math.min(copies, this.#partitionsOf.length);
    for (let step = 0; step < steps; step++) {
      const one = greatestRegret(waiting);
      if (one === null) return;
      this.#seekBestTwo(one, room); // `#makeRoom` may have given the partition to its best member.
      const sizeBefore = room.size;
      const member = this.#cheapest(one, room);
      const grown = member ?? this.#makeRoom(one.partition, room);
      if (member !== null) this.give(one.partition, member);
      if (grown !== null) room.grew(grown);
      one.copiesLeft--;
      this.#seekBestTwo(one, room);
      // The partitions lose choices only when a member has no more room.
      if (room.size === sizeBefore) continue;
      for (const other of waiting) if (lostChoice(other, room)) this.#seekBestTwo(other, room);
    }
  }

  /** Finds the two cheapest members with room. Among equals, any two. */
  #seekBestTwo(one: Waiting, room: MembersWithRoom): void {
    const { partition } = one;
    const { cheapestFirst, withState } = this.#replayOf(partition);
    one.first = one.second = null;
    const isSecond = (member: number): boolean => {
      if (this.#mustNotHave(partition, member)) return false;
      if (one.first === null) one.first = member;
      else one.second = member;
      return one.second !== null;
    };
    while (one.skipped < cheapestFirst.length && !room.has(cheapestFirst[one.skipped] as number)) one.skipped++;
    let found = false;
    for (let i = one.skipped; i < cheapestFirst.length && !found; i++) {
      const member = cheapestFirst[i] as number;
      found = room.has(member) && isSecond(member);
    }
    if (!found) room.inOrder.some((member) => !withState.has(member) && isSecond(member));
    const { first, second } = one;
    one.regret =
      first === null || second === null ? Infinity : this.#cost(partition, second) - this.#cost(partition, first);
  }

  /** The cheapest member with room, the least loaded one among equals; null if no member with room may have it. */
  #cheapest({ partition, first }: Waiting, { inOrder }: MembersWithRoom): number | null {
    if (first === null) return null;
    const least = this.#cost(partition, first);
    return (
      inOrder.find((member) => !this.#mustNotHave(partition, member) && this.#cost(partition, member) === least) ?? null
    );
  }

  #replayOf(partition: number): ReplayCost {
    return this.replay[partition] ?? { withState: new Map(), cheapestFirst: [], withoutState: 0 };
  }

  #cost(partition: number, member: number): number {
    return costFor(this.#replayOf(partition), member);
  }

  #mustNotHave(partition: number, member: number): boolean {
    return this.membersOf(partition).includes(member) || this.excluded?.membersOf(partition).includes(member) === true;
  }

  /**
   * Handles a partition that no member with room may have. A member with room takes another partition from a third
   * member, and the third member gets this partition.
   *
   * @returns the member that has one more partition now; null if no member may have the partition
   */
  #makeRoom(partition: number, { inOrder }: MembersWithRoom): number | null {
    const mayHave = [...this.#partitionsOf.keys()].filter((member) => !this.#mustNotHave(partition, member));
    for (const giver of mayHave) {
      for (const given of this.partitionsOf(giver)) {
        const taker = inOrder.find((member) => !this.#mustNotHave(given, member));
        if (taker === undefined) continue;
        this.#move(given, giver, taker);
        this.give(partition, giver);
        return taker;
      }
    }
    const count = (member: number) => this.#partitionsOf[member]?.length ?? 0;
    const [leastLoaded] = mayHave.sort((a, b) => count(a) - count(b));
    if (leastLoaded !== undefined) this.give(partition, leastLoaded);
    return leastLoaded ?? null;
  }

  #move(partition: number, from: number, to: number): void {
    this.#membersOf[partition] = this.membersOf(partition).filter((member) => member !== from);
    this.#partitionsOf[from] = (this.#partitionsOf[from] ?? []).filter((other) => other !== partition);
    this.give(partition, to);
  }
}

function lostChoice({ copiesLeft, first, second }: Waiting, room: MembersWithRoom): boolean {
  if (copiesLeft === 0) return false;
  return (first !== null && !room.has(first)) || (second !== null && !room.has(second));
}

/** The partition with the greatest regret, the first one among equals; null if none has copies left. */
function greatestRegret(waiting: readonly Waiting[]): Waiting | null {
  let greatest: Waiting | null = null;
  for (const one of waiting)
    if (one.copiesLeft > 0 && (greatest === null || one.regret > greatest.regret)) greatest = one;
  return greatest;
}
