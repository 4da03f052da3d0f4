import { AssignerProtocol, type Cluster, type GroupMember, type Logger } from 'kafkajs';
import fc from 'fast-check';
import { createAssignor } from '../../../src/kafka/assignor.js';
import { standbysIn } from '../../../src/kafka/member-assignment.js';
import { encodeMemberInfo, type MemberInfo } from '../../../src/kafka/member-info.js';

const TOPIC = 'sync-events';
const NOTHING_TOLD: MemberInfo = { httpAddress: null, numStandby: 0, memberId: null, partitions: [], held: new Map() };

function member(memberId: string, userData: Uint8Array): GroupMember {
  const memberMetadata = AssignerProtocol.MemberMetadata.encode({
    ...{ version: 0, topics: [TOPIC] },
    userData: Buffer.from(userData),
  });
  return { memberId, memberMetadata };
}

/** Member id -> partitions and standbys, as each member reads them. */
async function assign(partitions: number, members: GroupMember[]) {
  const context = { cluster: {} as Cluster, groupId: 'group', logger: {} as Logger };
  const assignor = createAssignor(TOPIC, partitions, () => NOTHING_TOLD)(context);
  const given = await assignor.assign({ members, topics: [TOPIC] });
  return new Map(
    given.map(({ memberId, memberAssignment }) => {
      const active = AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[TOPIC];
      return [memberId, { active, standby: standbysIn(memberAssignment) }];
    }),
  );
}

const told = (memberId: string, partitions: number[], position: number, numStandby = 0) =>
  encodeMemberInfo({
    ...{ httpAddress: null, numStandby, memberId, partitions },
    held: new Map(partitions.map((partition) => [partition, position])),
  });

test('whatever members send, every partition has one owner and the counts differ by one at most', async () => {
  const ofThisRelease = fc
    .tuple(fc.uuid(), fc.uniqueArray(fc.nat({ max: 30 })), fc.maxSafeNat(), fc.nat({ max: 2 ** 40 }))
    .map((parts) => told(...parts));
  const ofAnother = fc.tuple(fc.nat({ max: 255 }), ofThisRelease).map(([version, info]) => {
    info[0] = version;
    return info;
  });
  const cutShort = fc.tuple(fc.nat(), ofThisRelease).map(([at, info]) => info.subarray(0, at % info.length));
  const userData = fc.oneof(ofThisRelease, ofAnother, cutShort, fc.uint8Array());
  const whole = fc.tuple(fc.uuid(), userData).map(([id, data]) => member(id, data));
  const broken = fc
    .tuple(fc.uuid(), fc.uint8Array())
    .map(([memberId, bytes]): GroupMember => ({ memberId, memberMetadata: Buffer.from(bytes) }));
  const members = fc.uniqueArray(fc.oneof({ weight: 4, arbitrary: whole }, broken), {
    ...{ minLength: 1, maxLength: 6 },
    selector: ({ memberId }) => memberId,
  });
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 30 }), members, async (partitions, group) => {
      const shares = [...(await assign(partitions, group)).values()].map(({ active }) => active ?? []);
      expect(shares).toHaveLength(group.length);
      expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, p) => p));
      const counts = shares.map(({ length }) => length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});

test('who runs a partition keeps it, unless it has another id by now and so was thrown out meanwhile', async () => {
  const owner = member('b', told('b', [1], 10));
  expect((await assign(2, [member('a', told('a', [0], 10)), owner])).get('b')?.active).toEqual([1]);
  // It claims everything, and is as far with all of it.
  const woken = member('a', told('before', [0, 1], 10));
  expect((await assign(2, [woken, owner])).get('a')?.active).toEqual([0]);
  expect((await assign(1, [member('a', told('before', [0], 10)), member('b', told('b', [0], 10))])).get('b')).toEqual({
    ...{ active: [0], standby: [] },
  });
});

test('standbys reach the member they are for', async () => {
  const shares = await assign(2, [member('a', told('a', [0], 1, 1)), member('b', told('b', [1], 1, 1))]);
  expect(shares).toEqual(
    new Map([
      ['a', { active: [0], standby: [1] }],
      ['b', { active: [1], standby: [0] }],
    ]),
  );
});

test('an assignment of another release, or one that says nothing, has no standbys', () => {
  const encode = (userData: Buffer) =>
    AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: { [TOPIC]: [0] }, userData });
  expect(standbysIn(Buffer.alloc(0))).toEqual([]);
  expect(standbysIn(encode(Buffer.alloc(0)))).toEqual([]);
  expect(standbysIn(encode(Buffer.of(9, 1, 0)))).toEqual([]);
  expect(standbysIn(encode(Buffer.of(1, 3, 0)))).toEqual([]);
});
