import { AssignerProtocol } from 'kafkajs';
import type { DescribedGroup } from '../../../../src/kafka/protocol/describe-group.js';
import { membersNamed, stopFirst } from '../../../../src/kafka/group/stopped-group.js';
import { conflictIn } from '../../../../src/kafka/group/group-conflicts.js';
import { encodeAssignment, encodeMemberInfo } from '../../../../src/kafka/group/member-messages.js';

const TOPIC = 'sync-events';
const terms = { topic: TOPIC, settings: new Map([['EVENT_NAMESPACE', 'ours']]) };

interface Told {
  readonly settings?: ReadonlyMap<string, string>;
  readonly topic?: string;
  readonly active?: readonly number[];
}

function member(memberId: string, { settings = terms.settings, topic = TOPIC, active = [0] }: Told = {}) {
  const info = {
    httpAddress: 'http://10.0.0.7:8080',
    numStandby: 0,
    memberId,
    partitions: [],
    statePositions: new Map(),
    changelogId: null,
  };
  return {
    memberId,
    clientId: 'client',
    clientHost: '/10.0.0.7',
    memberMetadata: AssignerProtocol.MemberMetadata.encode({
      version: 0,
      topics: [topic],
      userData: encodeMemberInfo({ ...info, settings }),
    }),
    memberAssignment: encodeAssignment(topic, { active, standby: [] }),
  };
}

function group(...members: DescribedGroup['members']): DescribedGroup {
  return { state: 'Stable', protocol: 'company-sync', members };
}

const other = { settings: new Map([['EVENT_NAMESPACE', 'theirs']]) };

test('a group without members, or whose members decide alike, has no conflict', () => {
  expect(conflictIn({ state: 'Empty', protocol: '', members: [] }, terms, null)).toBeNull();
  expect(conflictIn(group(member('a'), member('b', { settings: new Map() })), terms, null)).toBeNull();
});

test('of very many members, only the smallest messages are read', () => {
  const small = Array.from({ length: 20_000 }, (_, i) => ({ ...member('small'), memberId: `small-${i}` }));
  const large = member('large', { settings: new Map([['EVENT_NAMESPACE', 'x'.repeat(500)]]) });
  expect(conflictIn(group(large, small[0]!), terms, null)).toContain('on member large');
  expect(conflictIn(group(large, ...small), terms, null)).toBeNull();
});

test('very many members are all counted, 100 are named, and the addresses of the smallest messages are read', () => {
  const some = Array.from({ length: 20_000 }, (_, i) => ({ ...member('small'), memberId: `m${i}` }));
  const named = membersNamed(some);
  expect(named.length).toBe(20_000);
  const withAddress = named.filter((name) => name.includes('http://10.0.0.7:8080')).length;
  expect([withAddress > 1_000, withAddress < 20_000]).toEqual([true, true]);
  expect(membersNamed(some.slice(0, 2))[1]).toBe('m1 on host 10.0.0.7 (http://10.0.0.7:8080)');
  expect(stopFirst('g', named)).toMatch(/^group g has 20000 members: .* m99 on host .* and 19900 others$/);
});

test('a running member with another value is reported with both values', () => {
  expect(conflictIn(group(member('a'), member('b', other)), terms, null)).toBe(
    'EVENT_NAMESPACE is "ours" here and "theirs" on member b (client id client, host /10.0.0.7, http://10.0.0.7:8080)',
  );
});

test('a member that reads another topic is named, also if it sends no settings', () => {
  const older = { settings: new Map<string, string>(), topic: 'other-events' };
  expect(conflictIn(group(member('a', older)), terms, null)).toMatch(
    /^TOPIC_SYNC_EVENTS is "sync-events" here and "other-events" on member a/,
  );
});

test('of the topics of a consumer, with names of any length, only the first are quoted', () => {
  const topics = Array.from({ length: 900 }, () => 'x'.repeat(1_000));
  const memberMetadata = AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) });
  const alien = { ...member('a'), memberMetadata };
  const conflict = conflictIn({ ...group(alien), protocol: 'another' }, terms, null) ?? '';
  expect(conflict.length).toBeLessThan(1_500);
  expect(conflict).toMatch(/ and 895 others$/);
});

test.each(['company-sync', 'another'])('a member beyond a limit is not an instance, with protocol %s', (protocol) => {
  const topics = Array.from({ length: 10_000 }, () => TOPIC);
  const memberMetadata = AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) });
  expect(conflictIn({ ...group({ ...member('a'), memberMetadata }), protocol }, terms, null)).toBe(
    'it has a member that is not an instance of company-sync: member a (client id client, host /10.0.0.7): ' +
      'it subscribes to 10000 topics, and at most 1000 are read',
  );
});

test('a member that was killed on our own STATE_DIR, and one without partitions, are skipped', () => {
  expect(conflictIn(group(member('before', other), member('a')), terms, 'before')).toBeNull();
  expect(conflictIn(group(member('a'), member('idle', { ...other, active: [] })), terms, null)).toBeNull();
});

test('a consumer that is not an instance is reported with client id and host', () => {
  const plain = { ...member('x'), clientId: 'dashboard', memberMetadata: Buffer.alloc(0) };
  expect(conflictIn({ ...group(plain), protocol: 'range' }, terms, null)).toBe(
    'it has a member that is not an instance of company-sync: member x (client id dashboard, host /10.0.0.7)',
  );
});
