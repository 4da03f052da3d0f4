import fc from 'fast-check';
import {
  assignPartitions,
  MAX_STANDBYS_TOGETHER,
  MAX_STATES_TOGETHER,
  type Assignment,
  type GroupMember,
} from '../../../src/pipeline/assign-partitions.js';
import { slowlyAssigned } from './slow-assignment.js';

const MAX_PARTITIONS = 30;

const partition = fc.nat({ max: MAX_PARTITIONS + 5 });
const position = fc.oneof(fc.nat({ max: 5 }), fc.maxSafeNat());
const member: fc.Arbitrary<GroupMember> = fc.record({
  memberId: fc.uuid(),
  // Some claim partitions that others claim too, or that do not exist.
  partitions: fc.uniqueArray(partition, { maxLength: 20 }),
  statePositions: fc
    .uniqueArray(fc.tuple(partition, position), { selector: ([p]) => p })
    .map((pairs) => new Map(pairs)),
  numStandby: fc.option(fc.nat({ max: 4 })),
});
const members = fc.uniqueArray(member, { minLength: 1, maxLength: 8, selector: ({ memberId }) => memberId });
const partitions = fc.nat({ max: MAX_PARTITIONS });

function spread(assignments: ReadonlyMap<string, Assignment>, what: keyof Assignment): number {
  const counts = [...assignments.values()].map((assignment) => assignment[what].length);
  return Math.max(...counts) - Math.min(...counts);
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const positionOf = (of: GroupMember | undefined, partition: number) => of?.statePositions.get(partition) ?? 0;

/** The partitions of each member, without double claims. */
function runs(memberId: string, partitions: readonly number[], statePositions: readonly number[] = []): GroupMember {
  return {
    memberId,
    partitions,
    statePositions: new Map(statePositions.map((position, p) => [p, position])),
    numStandby: 0,
  };
}

test('every partition runs on exactly one member, and their counts differ by one at most', () => {
  fc.assert(
    fc.property(partitions, members, (count, group) => {
      const assignments = assignPartitions(count, group);
      expect([...assignments.keys()].sort()).toEqual(group.map(({ memberId }) => memberId).sort());
      expect(ascending([...assignments.values()].flatMap(({ active }) => active))).toEqual(range(count));
      expect(spread(assignments, 'active')).toBeLessThanOrEqual(1);
    }),
  );
});

/** The standbys that most members want, the fewest of them. */
function wanted(group: readonly GroupMember[]): number {
  const wishes = group.flatMap(({ numStandby }) => numStandby ?? []).sort((a, b) => a - b);
  const votesFor = (wish: number) => wishes.filter((other) => other === wish).length;
  return wishes.reduce((best, wish) => (votesFor(wish) > votesFor(best) ? wish : best), wishes[0] ?? 0);
}

test('one member cannot make the others keep standbys that they do not want', () => {
  const group = ['a', 'b', 'c'].map((memberId) => runs(memberId, []));
  const assignments = assignPartitions(6, [...group, { ...runs('d', []), numStandby: 100 }]);
  expect([...assignments.values()].flatMap(({ standby }) => standby)).toEqual([]);
});

test('every partition has as many standbys as are wanted and possible, each on another member, evenly', () => {
  fc.assert(
    fc.property(partitions, members, (count, group) => {
      const assignments = assignPartitions(count, group);
      const copies = Math.min(wanted(group), group.length - 1);
      for (const p of range(count)) {
        const having = [...assignments.values()].flatMap(({ active, standby }) => [
          ...(active.includes(p) ? ['active'] : []),
          ...(standby.includes(p) ? ['standby'] : []),
        ]);
        expect(having.filter((role) => role === 'standby')).toHaveLength(copies);
      }
      for (const { active, standby } of assignments.values()) {
        expect(active.filter((p) => standby.includes(p))).toEqual([]);
        expect(new Set(standby).size).toBe(standby.length);
      }
      expect(spread(assignments, 'standby')).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

test('the order of the members has no effect', () => {
  fc.assert(
    fc.property(partitions, members, (count, group) => {
      expect(assignPartitions(count, [...group].reverse())).toEqual(assignPartitions(count, group));
    }),
  );
});

test('no partition moves without need: only as many as the counts require', () => {
  fc.assert(
    fc.property(partitions, members, fc.array(fc.option(fc.nat())), (count, group, owners) => {
      const claims = group.map((): number[] => []);
      owners.slice(0, count).forEach((owner, p) => {
        if (owner !== null) claims[owner % group.length]?.push(p);
      });
      const claiming = group.map((one, i) => ({ ...one, partitions: claims[i] ?? [] }));
      const assignments = assignPartitions(count, claiming);
      const moved = claiming.flatMap(({ memberId, partitions }) =>
        partitions.filter((p) => !assignments.get(memberId)?.active.includes(p)),
      );
      const least = Math.floor(count / group.length);
      const withMore = claims.filter(({ length }) => length > least).length;
      const tooMany = claims.reduce((sum, { length }) => sum + Math.max(0, length - least), 0);
      expect(moved).toHaveLength(tooMany - Math.min(withMore, count % group.length));
    }),
  );
});

test('an assignment stays the same, including standbys, while the members are the same', () => {
  fc.assert(
    fc.property(partitions, members, (count, group) => {
      const first = assignPartitions(count, group);
      const settled = group.map((one) => {
        const { active, standby } = first.get(one.memberId) as Assignment;
        // By now they have replayed their partitions, and released everything else.
        const statePositions = new Map([...active, ...standby].map((p) => [p, 1_000]));
        return { ...one, partitions: active, statePositions };
      });
      expect(assignPartitions(count, settled)).toEqual(first);
    }),
    { numRuns: 300 },
  );
});

test("a partition that moves or has no owner goes to the member with room that is nearest to the changelog's end", () => {
  fc.assert(
    fc.property(partitions, members, (count, group) => {
      const assignments = assignPartitions(count, group);
      const least = Math.floor(count / group.length);
      const above = [...assignments.values()].filter(({ active }) => active.length > least).length;
      const roomAt = above < count % group.length ? least : least - 1;
      for (const owner of group) {
        const { active } = assignments.get(owner.memberId) as Assignment;
        for (const p of active.filter((p) => !owner.partitions.includes(p)))
          for (const other of group)
            if ((assignments.get(other.memberId)?.active.length ?? 0) <= roomAt)
              expect(positionOf(owner, p)).toBeGreaterThanOrEqual(positionOf(other, p));
      }
    }),
  );
});

test('a member that comes back gets partitions that it has state of', () => {
  const a = runs('a', range(12), new Array<number>(12).fill(1_000));
  const b = runs('b', [], [900, 0, 0, 900, 900, 0, 0, 900, 900, 900]);
  expect(assignPartitions(12, [a, b]).get('b')?.active).toEqual([0, 3, 4, 7, 8, 9]);
});

test('if two members claim one partition, it stays with the one further in the changelog', () => {
  const woken = runs('a', [0, 1], [10, 10]);
  const owner = runs('b', [0, 1], [10, 11]);
  const assignments = assignPartitions(2, [woken, owner]);
  expect(assignments.get('b')?.active).toEqual([1]);
});

test('the partition whose second choice would cost most gets its first choice', () => {
  const a = runs('a', [], [1_000_000, 500_000]);
  const b = runs('b', [], [999_999, 0]);
  const assignments = assignPartitions(2, [a, b]);
  expect(assignments.get('a')?.active).toEqual([1]);
  expect(assignments.get('b')?.active).toEqual([0]);
});

test('the assignment is that of the plain algorithm', () => {
  // Few different positions: many members cost the same.
  const closePosition = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 1_000 }));
  const close: fc.Arbitrary<GroupMember> = fc.record({
    memberId: fc.uuid(),
    partitions: fc.uniqueArray(partition, { maxLength: 20 }),
    statePositions: fc
      .uniqueArray(fc.tuple(partition, closePosition), { selector: ([p]) => p, maxLength: 40 })
      .map((pairs) => new Map(pairs)),
    numStandby: fc.nat({ max: 3 }),
  });
  const group = fc.uniqueArray(close, { minLength: 1, maxLength: 25, selector: ({ memberId }) => memberId });
  fc.assert(
    fc.property(partitions, group, (count, members) => {
      expect(assignPartitions(count, members)).toEqual(slowlyAssigned(count, members));
    }),
    { numRuns: 300 },
  );
});

test.each<[string, number, (member: number, p: number) => number]>([
  ['50 members that have all state', 50, (member, p) => (p * member) % 997],
  ['3,000 members without state', 3_000, () => 0],
  ['3,000 members with state of a partition each', 3_000, (member, p) => (member % 1_000 === p ? 5 : 0)],
])('1,000 partitions are assigned to %s in far less than a session timeout', (_, size, positionOf) => {
  const statePositions = (member: number) => range(1_000).map((p) => positionOf(member, p));
  const group = range(size).map((i) => {
    const pairs = [...statePositions(i).entries()].filter(([, position]) => position > 0);
    return { ...runs(`m${i}`, []), statePositions: new Map(pairs), numStandby: 1 };
  });
  const startedAt = performance.now();
  assignPartitions(1_000, group);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test('standbys of all partitions together are bounded, whatever most members want', () => {
  const count = 500;
  const many = range(60).map((i) => ({ ...runs(`m${i}`, []), numStandby: 50 }));
  const standbys = [...assignPartitions(count, many).values()].flatMap(({ standby }) => standby);
  expect(standbys).toHaveLength(MAX_STANDBYS_TOGETHER);
});

test('states beyond the bound do not count, and every partition still runs', () => {
  let looked = 0;
  const positions = new Map(range(1_000).map((p) => [p, 1 + p]));
  /** Counts how often its states are read. */
  class Counted extends Map<number, number> {
    override [Symbol.iterator]() {
      looked += this.size;
      return super[Symbol.iterator]();
    }
  }
  const many = range(200).map((i) => ({ ...runs(`m${i}`, []), statePositions: new Counted(positions) }));
  const assigned = [...assignPartitions(1_000, many).values()].flatMap(({ active }) => active);
  expect(new Set(assigned).size).toBe(1_000);
  expect(looked).toBe(MAX_STATES_TOGETHER);
});

test('members that claim very many states do not displace the states of the others', () => {
  const others = range(200).map((i) => runs(`a${i}`, [], Array<number>(1_000).fill(1)));
  const own = runs('z', [], [10, 10, 10, 10, 10]);
  const active = assignPartitions(1_000, [...others, own]).get('z')?.active ?? [];
  expect(active.length).toBeGreaterThan(3);
  expect(active.filter((partition) => partition > 4)).toEqual([]);
});
