import { AssignerProtocol } from 'kafkajs';
import fc from 'fast-check';
import {
  decodeMemberInfo,
  encodeMemberInfo,
  MAX_CLAIMS,
  MAX_MEMBER_BYTES,
  MAX_MEMBER_TOPICS,
  type MemberInfo,
  partitionsIn,
  readSubscription,
} from '../../../../src/kafka/group/member-messages.js';

const partition = fc.nat({ max: 2 ** 31 - 1 });
const memberInfo: fc.Arbitrary<MemberInfo> = fc.record({
  httpAddress: fc.option(fc.webUrl().map((url) => new URL(url).origin)),
  numStandby: fc.nat({ max: 100 }),
  memberId: fc.option(fc.string({ minLength: 1 })),
  partitions: fc.uniqueArray(partition).map((some) => some.sort((a, b) => a - b)),
  settings: fc
    .uniqueArray(fc.tuple(fc.string(), fc.string({ maxLength: 20 })), { maxLength: 8, selector: ([name]) => name })
    .map((some) => new Map(some)),
  changelogId: fc.option(fc.constant('5b048a3acab748eb81b671f516e31838')),
  statePositions: fc
    .uniqueArray(fc.tuple(partition, fc.maxSafeNat()), { selector: ([p]) => p })
    .map((some) => new Map(some)),
});

test('the info of a member is decoded as it was encoded, also with fields that a later release appends', () => {
  fc.assert(
    fc.property(memberInfo, fc.uint8Array(), (info, later) => {
      expect(decodeMemberInfo(Buffer.concat([encodeMemberInfo(info), later]))).toEqual(info);
    }),
  );
});

/** Without settings, their number takes a byte. Without a topic id, its length takes a byte. */
function lengthWithoutSettings(info: MemberInfo): number {
  return encodeMemberInfo({ ...info, ...NOT_SENT }).length - 2;
}

/** The fields that earlier releases do not send. */
const NOT_SENT = { settings: new Map<string, string>(), changelogId: null };

function lengthWithoutTopicId(info: MemberInfo): number {
  return encodeMemberInfo({ ...info, changelogId: null }).length - 1;
}

test('the info of a release without settings is read, and has no settings', () => {
  fc.assert(
    fc.property(memberInfo, (info) => {
      const bytes = encodeMemberInfo(info).subarray(0, lengthWithoutSettings(info));
      expect(decodeMemberInfo(bytes)).toEqual({ ...info, ...NOT_SENT });
    }),
  );
});

test('more settings, or longer ones, than an instance sends are not read', () => {
  const none = {
    httpAddress: null,
    numStandby: 0,
    memberId: null,
    partitions: [],
    statePositions: new Map<number, number>(),
    changelogId: null,
  };
  const many = new Map(Array.from({ length: 33 }, (_, i) => [`SETTING_${i}`, '']));
  expect(decodeMemberInfo(encodeMemberInfo({ ...none, settings: many }))).toBeNull();
  const long = new Map([['SETTING', 'x'.repeat(1_025)]]);
  expect(decodeMemberInfo(encodeMemberInfo({ ...none, settings: long }))).toBeNull();
});

test('more claims than any instance has are not read', () => {
  const none = { httpAddress: null, numStandby: 0, memberId: null, ...NOT_SENT };
  const claims = Array.from({ length: MAX_CLAIMS }, (_, partition) => partition);
  const infos = (partitions: number[]) => [
    { ...none, partitions, statePositions: new Map<number, number>() },
    { ...none, partitions: [], statePositions: new Map(partitions.map((one) => [one, 0])) },
  ];
  for (const info of infos(claims)) expect(decodeMemberInfo(encodeMemberInfo(info))).toEqual(info);
  for (const info of infos([...claims, MAX_CLAIMS])) expect(decodeMemberInfo(encodeMemberInfo(info))).toBeNull();
});

test('numbers that are longer than any number that an instance sends are not read', () => {
  // The weight of the 147th byte is Infinity, and 0 times Infinity is NaN.
  const overlong = Buffer.concat([Buffer.alloc(160, 0x80), Buffer.from([0])]);
  const [zero, one] = [Buffer.from([0]), Buffer.from([1])];
  /** Version, HTTP address, number of standbys, member id, no partitions, one state on its disk and the position of it. */
  const infoWith = (numStandby: Buffer, position: Buffer) =>
    Buffer.concat([one, zero, numStandby, zero, zero, one, zero, position]);
  expect(decodeMemberInfo(infoWith(one, one))).toMatchObject({ numStandby: 1, statePositions: new Map([[0, 1]]) });
  expect(decodeMemberInfo(infoWith(overlong, one))).toBeNull();
  expect(decodeMemberInfo(infoWith(one, overlong))).toBeNull();
});

test('12 partitions with their positions take 100 bytes and a few', () => {
  const partitions = Array.from({ length: 12 }, (_, p) => p);
  const statePositions = new Map(partitions.map((p) => [p, 1_000_000_000 + p]));
  const memberId = 'company-sync-9d5fb1a8-1a4c-4f43-95d5-0d6a3c1c1f5e';
  const info = {
    httpAddress: 'http://10.0.0.7:8080',
    numStandby: 1,
    memberId,
    partitions,
    statePositions,
    settings: new Map<string, string>(),
    changelogId: null,
  };
  expect(encodeMemberInfo(info).length).toBeLessThan(170);
});

test('info of another version, or cut off anywhere, is not read', () => {
  fc.assert(
    fc.property(memberInfo, fc.nat(), (info, at) => {
      const bytes = encodeMemberInfo(info);
      // Cut before the settings, or before the topic id, it is the message of an earlier release.
      const cut = at % bytes.length;
      const whole = cut === lengthWithoutTopicId(info) ? { ...info, changelogId: null } : null;
      const expected = cut === lengthWithoutSettings(info) ? { ...info, ...NOT_SENT } : whole;
      expect(decodeMemberInfo(bytes.subarray(0, cut))).toEqual(expected);
      bytes[0] = 2;
      expect(decodeMemberInfo(bytes)).toBeNull();
    }),
  );
});

test('no bytes make the decoder throw', () => {
  const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(garbage, (bytes) => {
      decodeMemberInfo(Buffer.concat([Buffer.of(1), bytes]));
      readSubscription(bytes);
      readSubscription(AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [], userData: bytes }));
    }),
    { numRuns: 2_000 },
  );
});

const info: MemberInfo = {
  httpAddress: 'http://10.0.0.7:8080',
  numStandby: 1,
  memberId: 'a',
  partitions: Array.from({ length: MAX_CLAIMS }, (_, i) => i * 200_000),
  statePositions: new Map(Array.from({ length: MAX_CLAIMS }, (_, i) => [i * 200_000, Number.MAX_SAFE_INTEGER])),
  settings: new Map(),
  changelogId: null,
};

function subscription(topics: readonly string[], userData = encodeMemberInfo(info)): Buffer {
  return AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [...topics], userData });
}

test('an instance at its limits is read, with the topics that it subscribes to', () => {
  const bytes = subscription(['input']);
  expect(bytes.length).toBeLessThan(MAX_MEMBER_BYTES);
  expect(readSubscription(bytes)).toEqual({ topics: ['input'], info, beyondLimit: null });
  const many = Array.from({ length: MAX_MEMBER_TOPICS }, (_, i) => `topic-${i}`);
  expect(readSubscription(subscription(many))).toEqual({ topics: many, info, beyondLimit: null });
});

test('of a member that exceeds a limit nothing is read, and the limit is given', () => {
  const nothing = { topics: [], info: null };
  const many = subscription(Array.from({ length: MAX_MEMBER_TOPICS + 1 }, () => 'a'));
  expect(readSubscription(many)).toEqual({
    ...nothing,
    beyondLimit: 'it subscribes to 1001 topics, and at most 1000 are read',
  });
  const large = subscription(['input'], Buffer.alloc(MAX_MEMBER_BYTES));
  expect(readSubscription(large)).toEqual({
    ...nothing,
    beyondLimit: `it sends ${large.length} bytes about itself, and at most ${MAX_MEMBER_BYTES} are read`,
  });
});

test('a null among the topics of a member is left out', () => {
  // Version, two topics, null, 'a', no user data.
  const bytes = Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 2, 0xff, 0xff, 0, 1), Buffer.from('a'), Buffer.alloc(4, 0xff)]);
  expect(readSubscription(bytes)).toEqual({ topics: ['a'], info: null, beyondLimit: null });
});

/**
 * Each length below 0 leads back to the text of 32,764 bytes before it. So two texts are `topics` topics, all of them in
 * the message.
 */
function goingBack(size: number, topics: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeInt32BE(topics, 2);
  bytes.writeInt16BE(32_764, 6);
  bytes.writeInt16BE(-32_768, 6 + 2 + 32_764);
  return bytes;
}

/** What `read` returns. Fails if it takes long, or if the result holds much memory. */
function readAtLittleCost<T>(read: () => T): T {
  const [startedAt, heapBefore] = [performance.now(), process.memoryUsage().heapUsed];
  const result = read();
  expect(performance.now() - startedAt).toBeLessThan(200);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(64 * 1_024 * 1_024);
  return result;
}

test.each([MAX_MEMBER_TOPICS, MAX_MEMBER_TOPICS + 1, 19_999, 20_000, 30_000, 39_000, 2 ** 31 - 1])(
  'a subscription of 40,000 bytes whose lengths lead back, with %d topics, costs little',
  (topics) => {
    const read = readAtLittleCost(() => readSubscription(goingBack(40_000, topics)));
    expect(read).toMatchObject({ topics: [], info: null });
  },
);

test('an assignment whose lengths lead back costs little, and assigns nothing', () => {
  // Version, topics, 'input' with partition 1, and a topic whose length leads back to that list of partitions. So each
  // further topic would have the same bytes.
  const list = Buffer.of(0, 0, 0, 1, 0, 0, 0, 1);
  const input = Buffer.concat([Buffer.of(0, 5), Buffer.from('input'), list]);
  const back = Buffer.alloc(2);
  back.writeInt16BE(-list.length - back.length);
  const assignment = (topics: number) =>
    Buffer.concat([Buffer.of(0, 0, 0, 0), Buffer.of(topics >> 8, topics & 0xff), input, back, Buffer.alloc(40_000)]);
  const sound = Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 1), input, Buffer.alloc(4)]);
  expect(partitionsIn(sound, 'input')).toEqual([1]);
  for (const topics of [2, MAX_MEMBER_TOPICS, 30_000])
    expect(readAtLittleCost(() => partitionsIn(assignment(topics), 'input'))).toEqual([]);
});

test('an assignment of more topics than the limit assigns nothing', () => {
  const assignment = (topics: number) => {
    const names = ['input', ...Array.from({ length: topics - 1 }, (_, i) => `topic-${i}`)];
    const partitions = Object.fromEntries(names.map((name) => [name, [0]]));
    return AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: partitions, userData: Buffer.alloc(0) });
  };
  expect(partitionsIn(assignment(MAX_MEMBER_TOPICS), 'input')).toEqual([0]);
  expect(partitionsIn(assignment(MAX_MEMBER_TOPICS + 1), 'input')).toEqual([]);
});

test('an assignment with more bytes than the limit assigns nothing', () => {
  const assignment = (bytes: number) =>
    AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: { input: [0] }, userData: Buffer.alloc(bytes) });
  expect(partitionsIn(assignment(MAX_MEMBER_BYTES - 100), 'input')).toEqual([0]);
  expect(partitionsIn(assignment(MAX_MEMBER_BYTES), 'input')).toEqual([]);
});
