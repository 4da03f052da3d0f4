import { createCluster } from '../../../src/kafka/connection/cluster.js';
import { protocolCall, type ProtocolCall } from '../../../src/kafka/protocol/protocol-call.js';
import { KafkaLogs } from '../../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import type { Api } from '../../../testkit/simulated-kafka/wire/api.js';
import { FieldReader, FieldWriter } from '../../../testkit/simulated-kafka/wire/fields.js';
import { heartbeatApi, joinGroupApi, syncGroupApi } from '../../../testkit/simulated-kafka/wire/group-apis.js';
import { startCluster, until, type RealTimeCluster } from '../../../testkit/simulated-kafka/real-time.js';

let real: RealTimeCluster;
const endings: (() => unknown)[] = [];
beforeEach(() => {
  real = startCluster();
  real.cluster.createTopic('input', { partitions: 4 });
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  real.stop();
});

/** Joins a group, and notes the partitions of each assignment. */
async function member(): Promise<{ partitions: readonly number[]; leave(): Promise<void> }> {
  const consumer = real.kafka.consumer({ groupId: 'group', heartbeatInterval: 50, maxWaitTimeInMs: 50 });
  const joined: { partitions: readonly number[]; leave(): Promise<void> } = {
    partitions: [],
    leave: () => consumer.disconnect(),
  };
  endings.push(() => consumer.disconnect());
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    joined.partitions = payload.memberAssignment['input'] ?? [];
  });
  await consumer.connect();
  // Not every broker knows the topic at once.
  await until('the topic is known', () => consumer.subscribe({ topics: ['input'] }).then(() => true));
  await consumer.run({ eachMessage: () => Promise.resolve() });
  return joined;
}

test('a second member takes partitions over, and gives them back when it leaves', async () => {
  const first = await member();
  await until('the first member has all partitions', () => first.partitions.length === 4);
  const second = await member();
  await until('each member has two', () => first.partitions.length === 2 && second.partitions.length === 2);
  expect([...first.partitions, ...second.partitions].sort()).toEqual([0, 1, 2, 3]);
  await second.leave();
  await until('the first member has all partitions again', () => first.partitions.length === 4);
});

test('a new coordinator knows the members and the offsets of the group', async () => {
  const first = await member();
  await until('the member has all partitions', () => first.partitions.length === 4);
  const admin = real.kafka.admin();
  await admin.setOffsets({ groupId: 'others', topic: 'input', partitions: [{ partition: 2, offset: '9' }] });
  for (const group of ['group', 'others']) {
    const { topic, partition } = real.cluster.coordinatorPartition('group', group);
    const { leader, inSync } = real.cluster.partition(topic, partition);
    real.cluster.moveCoordinator(
      'group',
      group,
      inSync.find((id) => id !== leader)!,
    );
  }
  const logs = new KafkaLogs({
    config: real.config,
    groupId: 'others',
    clock: systemClock,
    onTrouble: () => undefined,
  });
  endings.push(() => logs.close());
  await until(
    'the offset is loaded',
    async () => (await logs.committedOffset({ topic: 'input', partition: 2 }))?.offset === 9,
  );
  await until('the member is known', async () => {
    const { groups } = await admin.describeGroups(['group']).catch(() => ({ groups: [] }));
    return groups[0]?.state === 'Stable' && groups[0].members.length === 1;
  });
  await admin.disconnect();
});

/** A call by the layouts of the simulation: kafkajs sends no instance ids. */
function callOf<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): ProtocolCall<A> {
  const writer = new FieldWriter(version, false);
  api.request.write(writer, request);
  const read = (body: Buffer): A => api.answer.read(new FieldReader(body, version, false));
  return protocolCall(api.key, api.name, version, writer.finish(), read);
}

test('a static member that starts again keeps its assignment, and fences its former process', async () => {
  const cluster = createCluster(real.config);
  await cluster.connect();
  endings.push(() => cluster.disconnect());
  const { connectionPool } = await cluster.findGroupCoordinator({ groupId: 'static', coordinatorType: 0 });
  const ofGroup = { groupId: 'static', instanceId: 'one' };
  const join = () =>
    connectionPool.send(
      callOf(joinGroupApi, 5, {
        ...ofGroup,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'any', metadata: Buffer.from('m') }],
      }),
    );
  const sync = (memberId: string, assignment: string | null) => {
    const assignments = assignment === null ? [] : [{ memberId, assignment: Buffer.from(assignment) }];
    return connectionPool.send(callOf(syncGroupApi, 3, { ...ofGroup, generation: 1, memberId, assignments }));
  };

  const first = await join();
  expect(first).toMatchObject({ errorCode: 0, generation: 1, leader: first.memberId });
  await sync(first.memberId, 'mine');
  const again = await join();
  expect(again).toMatchObject({ errorCode: 0, generation: 1, members: [] });
  expect(again.memberId).not.toBe(first.memberId);
  expect(String((await sync(again.memberId, null)).assignment)).toBe('mine');
  const heartbeat = { ...ofGroup, generation: 1, memberId: first.memberId };
  const FENCED_INSTANCE_ID = 82;
  expect(await connectionPool.send(callOf(heartbeatApi, 3, heartbeat))).toMatchObject({
    errorCode: FENCED_INSTANCE_ID,
  });
});
