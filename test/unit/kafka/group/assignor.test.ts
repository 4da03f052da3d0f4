import { AssignerProtocol, type Cluster, type GroupMember, type Logger } from 'kafkajs';
import fc from 'fast-check';
import { createAssignor, type RefusedMember, type TooManyMembers } from '../../../../src/kafka/group/assignor.js';
import {
  encodeMemberInfo,
  existingOf,
  type MemberInfo,
  standbysIn,
} from '../../../../src/kafka/group/member-messages.js';

const TOPIC = 'sync-events';
const NOTHING_TOLD: MemberInfo = {
  httpAddress: null,
  numStandby: 0,
  memberId: null,
  partitions: [],
  statePositions: new Map(),
  settings: new Map(),
  changelogId: null,
};

function member(memberId: string, userData: Uint8Array, topics = [TOPIC]): GroupMember {
  const memberMetadata = AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics,
    userData: Buffer.from(userData),
  });
  return { memberId, memberMetadata };
}

/** Member id -> partitions and standbys, as each member reads them. */
async function assign(
  partitions: number,
  members: GroupMember[],
  leader = NOTHING_TOLD,
  onRefused: (member: RefusedMember) => void = () => undefined,
  onTooMany: (members: TooManyMembers) => void = () => undefined,
) {
  const context = { cluster: {} as Cluster, groupId: 'group', logger: {} as Logger };
  const assignor = createAssignor({ topic: TOPIC, partitions, describe: () => leader, onRefused, onTooMany })(context);
  const given = await assignor.assign({ members, topics: [TOPIC] });
  return new Map(
    given.map(({ memberId, memberAssignment }) => {
      const active = AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[TOPIC];
      return [memberId, { active, standby: standbysIn(memberAssignment) }];
    }),
  );
}

const infoOf = (memberId: string, partitions: number[], position: number, numStandby = 0) =>
  encodeMemberInfo({
    httpAddress: null,
    numStandby,
    memberId,
    partitions,
    statePositions: new Map(partitions.map((partition) => [partition, position])),
    settings: new Map(),
    changelogId: null,
  });

test('whatever members send, every partition has one owner and the counts differ by at most one', async () => {
  const ofThisRelease = fc
    .tuple(fc.uuid(), fc.uniqueArray(fc.nat({ max: 30 })), fc.maxSafeNat(), fc.nat({ max: 2 ** 40 }))
    .map((parts) => infoOf(...parts));
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
    minLength: 1,
    maxLength: 6,
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

test('a member keeps its partitions, unless it has another id now and so was removed meanwhile', async () => {
  const owner = member('b', infoOf('b', [1], 10));
  expect((await assign(2, [member('a', infoOf('a', [0], 10)), owner])).get('b')?.active).toEqual([1]);
  // It claims every partition, with the same positions.
  const woken = member('a', infoOf('before', [0, 1], 10));
  expect((await assign(2, [woken, owner])).get('a')?.active).toEqual([0]);
  expect(
    (await assign(1, [member('a', infoOf('before', [0], 10)), member('b', infoOf('b', [0], 10))])).get('b'),
  ).toEqual({
    active: [0],
    standby: [],
  });
});

test('a member beyond a limit gets no partitions, and is reported with the limit', async () => {
  const refused: RefusedMember[] = [];
  const claims = infoOf('b', [0, 1], 1_000);
  const many = Array.from({ length: 10_000 }, () => TOPIC);
  const shares = await assign(
    2,
    [member('a', infoOf('a', [0], 10)), member('b', claims, many)],
    NOTHING_TOLD,
    (member) => refused.push(member),
  );
  expect([...shares].map(([memberId, { active }]) => [memberId, active])).toEqual([
    ['a', [0, 1]],
    ['b', []],
  ]);
  const conflict = 'it subscribes to 10000 topics, and at most 1000 are read';
  expect(refused).toEqual([{ memberId: 'b', httpAddress: null, conflict }]);
});

describe('if other clients join with very many members', () => {
  const own = ['x', 'y', 'z'].map((id, i) => member(id, infoOf(id, [i, i + 3], 10)));

  /** The partitions of our members, and how many members of others the assignor left out. */
  async function assignBeside(others: GroupMember[], partitions = 6) {
    const leftOut: TooManyMembers[] = [];
    const refused: RefusedMember[] = [];
    const startedAt = performance.now();
    const shares = await assign(
      partitions,
      [...others, ...own],
      leader,
      (member) => refused.push(member),
      (members) => leftOut.push(members),
    );
    // It takes a second at most. Without the limits it takes minutes.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect([...shares.values()].flatMap(({ active }) => active ?? [])).toHaveLength(partitions);
    return { shares: ['x', 'y', 'z'].map((id) => shares.get(id)?.active), leftOut, refused };
  }

  test('large claims are not read beyond the limit of all members, and those of instances count', async () => {
    const claims = Array.from({ length: 5_000 }, (_, partition) => 6 + partition);
    const others = Array.from({ length: 200 }, (_, i) => member(`a-${i}`, infoOf(`a-${i}`, claims, 2 ** 40)));
    const { shares, leftOut } = await assignBeside(others);
    // Of six partitions, each of 203 members gets one at most.
    expect(shares).toEqual([[3], [4], [5]]);
    expect(leftOut).toEqual([{ members: 203, unread: 148, unplaced: 0, unreported: 0 }]);
  });

  test('members without claims do not displace instances', async () => {
    const others = Array.from({ length: 20_000 }, (_, i) => member(`a-${i}`, Buffer.alloc(0)));
    const { shares, leftOut } = await assignBeside(others);
    expect(shares).toEqual([[3], [4], [5]]);
    expect(leftOut).toEqual([{ members: 20_003, unread: 0, unplaced: 17_003, unreported: 0 }]);
  });

  test('members that want very many standbys cost no more time than the limit of members allows', async () => {
    const others = Array.from({ length: 10_000 }, (_, i) => member(`a-${i}`, infoOf(`a-${i}`, [], 0, 20)));
    const { leftOut } = await assignBeside(others, 20);
    expect(leftOut).toEqual([{ members: 10_003, unread: 0, unplaced: 7_003, unreported: 0 }]);
  });

  test('only the first members with a conflict are reported one by one', async () => {
    const foreign = withSettings(settings(['EVENT_NAMESPACE', 'theirs']));
    const others = Array.from({ length: 2_000 }, (_, i) => foreign(`a-${i}`));
    const { shares, leftOut, refused } = await assignBeside(others);
    expect(shares).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(refused).toHaveLength(20);
    expect(leftOut).toEqual([{ members: 2_003, unread: 0, unplaced: 0, unreported: 1_980 }]);
  });
});

test('each member gets its standbys', async () => {
  const shares = await assign(2, [member('a', infoOf('a', [0], 1, 1)), member('b', infoOf('b', [1], 1, 1))]);
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

const settings = (...pairs: [string, string][]) => new Map(pairs);
const withSettings = (settings: ReadonlyMap<string, string>, topics?: string[]) => (memberId: string) =>
  member(
    memberId,
    encodeMemberInfo({ ...NOTHING_TOLD, httpAddress: `http://${memberId}`, memberId, settings }),
    topics,
  );
const leader = { ...NOTHING_TOLD, settings: settings(['EVENT_NAMESPACE', 'ours'], ['registry', 'id 1']) };
const alike = withSettings(leader.settings);

describe('a member that decides by other settings than the leader', () => {
  test('is given nothing, and is reported with both values', async () => {
    const refused: RefusedMember[] = [];
    const other = withSettings(settings(['EVENT_NAMESPACE', 'theirs'], ['registry', 'id 1']))('b');
    const shares = await assign(3, [alike('a'), other, alike('c')], leader, (one) => refused.push(one));
    expect(shares.get('b')).toEqual({ active: [], standby: [] });
    expect([...(shares.get('a')?.active ?? []), ...(shares.get('c')?.active ?? [])].sort()).toEqual([0, 1, 2]);
    const conflict = 'EVENT_NAMESPACE is "ours" here and "theirs" there';
    expect(refused).toEqual([{ memberId: 'b', httpAddress: 'http://b', conflict }]);
  });

  test('is given nothing if it reads another input topic, also if its release sends no settings', async () => {
    const refused: RefusedMember[] = [];
    const other = withSettings(new Map(), ['other-events'])('b');
    const shares = await assign(2, [alike('a'), other], leader, (one) => refused.push(one));
    expect(shares.get('a')?.active).toEqual([0, 1]);
    expect(shares.get('b')?.active).toEqual([]);
    expect(refused.map(({ conflict }) => conflict)).toEqual([
      'TOPIC_SYNC_EVENTS is "sync-events" here and "other-events" there',
    ]);
  });
});

test('a member of another release gets partitions, although one side does not send a setting', async () => {
  const refused: RefusedMember[] = [];
  const older = withSettings(new Map());
  const newer = withSettings(settings(['EVENT_NAMESPACE', 'ours'], ['A_NEW_SETTING', 'x']));
  const shares = await assign(3, [alike('a'), older('b'), newer('c')], leader, (one) => refused.push(one));
  expect([...shares.values()].map(({ active }) => active?.length)).toEqual([1, 1, 1]);
  expect(refused).toEqual([]);
});

test('the state of a changelog that was deleted and created again does not count', async () => {
  const holding = (position: number, changelogId: string) =>
    encodeMemberInfo({ ...NOTHING_TOLD, statePositions: new Map([[0, position]]), changelogId });
  const group = [member('former', holding(900, 'former id')), member('present', holding(5, 'present id'))];
  const given = await assign(1, group, { ...NOTHING_TOLD, changelogId: 'present id' });
  expect(given.get('present')?.active).toEqual([0]);
});

test('of the partitions that a leader gives, only those of the input count, each once', () => {
  expect(existingOf([3, 0, 3, -1, 4, 2 ** 31 - 1], 4)).toEqual([3, 0]);
});
