/** What kafkajs's consumer gets of the assignment that the group's leader sends. */
import { AssignerProtocol } from 'kafkajs';
import { encodeAssignment, MAX_MEMBER_BYTES } from '../../../../src/kafka/group/member-messages.js';
import { watchMembership } from '../../../../src/kafka/group/watch-membership.js';

const { MemberAssignment } = AssignerProtocol;

/** What the consumer decodes, and what the watcher sees, if the leader sends `memberAssignment`. */
async function received(memberAssignment: Buffer) {
  const coordinator = {
    connectionPool: { host: 'b1', port: 9092 },
    heartbeat: () => Promise.resolve(),
    syncGroup: () => Promise.resolve({ errorCode: 0, memberAssignment }),
    leaveGroup: () => Promise.resolve(),
  };
  const cluster = { brokerPool: { brokers: {} }, findGroupCoordinator: () => Promise.resolve(coordinator) };
  const seen: Buffer[] = [];
  watchMembership(cluster, {
    coordinator: { look: () => Promise.resolve(null), mustBe: () => undefined },
    topic: 'input',
    assigned: (assignment) => seen.push(assignment),
    left: () => undefined,
  });
  const answer = await (await cluster.findGroupCoordinator()).syncGroup();
  expect(answer.errorCode).toBe(0);
  return { seen, assignment: MemberAssignment.decode(answer.memberAssignment)?.assignment };
}

test('the consumer gets the partitions of an assignment, and the watcher all of it', async () => {
  const sent = encodeAssignment('input', { active: [3, 0], standby: [1] });
  expect(await received(sent)).toEqual({ seen: [sent], assignment: { input: [3, 0] } });
  const none = encodeAssignment('input', { active: [], standby: [] });
  expect((await received(none)).assignment).toEqual({ input: [] });
});

test('of other topics and repeated partitions the consumer gets nothing', async () => {
  const assignment = { other: [1], input: [2, 2, 1] };
  const sent = MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) });
  expect((await received(sent)).assignment).toEqual({ input: [2, 1] });
});

test('of an assignment that exceeds a limit or cannot be read the consumer gets no partitions', async () => {
  const many = Object.fromEntries(['input', ...Array.from({ length: 100_000 }, (_, i) => `${i}`)].map((t) => [t, [0]]));
  const ofManyTopics = MemberAssignment.encode({ version: 0, assignment: many, userData: Buffer.alloc(0) });
  const userData = Buffer.alloc(MAX_MEMBER_BYTES);
  const tooLarge = MemberAssignment.encode({ version: 0, assignment: { input: [0] }, userData });
  for (const sent of [ofManyTopics, tooLarge, Buffer.from('garbage'), Buffer.alloc(0)])
    expect((await received(sent)).assignment).toEqual({ input: [] });
});
