import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createAssignor, type RefusedMember } from '../../src/kafka/group/assignor.js';
import { KafkaGroupMembership } from '../../src/kafka/group/group-membership.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { MemoryOfTest, rememberedIn } from '../support/member-memory.js';
import { createTopic } from '../support/topics.js';

const PARTITIONS = 6;
const { bootstrap } = currentCluster();
const logger = pino({ level: 'silent' });
const kafka = kafkaConfigOf(
  { applicationId: 'test', kafka: { brokers: bootstrap.split(','), tls: null, sasl: null } },
  logger,
);

const members: Member[] = [];
afterEach(() => Promise.all(members.splice(0).map((member) => member.membership.stop())));

/** A member that has replayed its partitions at once. */
class Member {
  active: readonly number[] = [];
  standby: readonly number[] = [];
  readonly membership: KafkaGroupMembership;
  /** The members that it has refused as the group's leader. */
  readonly refused: RefusedMember[] = [];
  readonly #statePositions = new Map<number, number>();

  constructor(
    groupId: string,
    topic: string,
    private readonly settings: ReadonlyMap<string, string> = new Map(),
  ) {
    const assigner = createAssignor({
      topic,
      partitions: PARTITIONS,
      onRefused: (refused) => this.refused.push(refused),
      onTooMany: () => undefined,
      describe: () => ({
        httpAddress: null,
        numStandby: 1,
        memberId: this.membership.memberId,
        settings: this.settings,
        partitions: this.active,
        statePositions: this.#statePositions,
        changelogId: null,
      }),
    });
    const onCrash = (error: Error) => {
      throw error;
    };
    const remembered = rememberedIn(new MemoryOfTest(), kafka, groupId);
    this.membership = new KafkaGroupMembership({
      kafka,
      clock: systemClock,
      groupId,
      topic,
      logger,
      assigner,
      remembered,
      onCrash,
    });
    members.push(this);
  }

  async start(): Promise<this> {
    await this.membership.start((active, standby) => {
      this.active = active;
      this.standby = standby;
      for (const partition of [...active, ...standby]) this.#statePositions.set(partition, 100);
    });
    return this;
  }
}

function settled(some: readonly Member[]): Promise<void> {
  const complete = (partitions: readonly number[]) =>
    partitions.length === PARTITIONS && new Set(partitions).size === PARTITIONS;
  const look = () =>
    Promise.resolve(complete(some.flatMap((m) => m.active)) && complete(some.flatMap((m) => m.standby)));
  return pollUntil(look, { awaited: `${some.length} members share partitions and standbys`, timeoutMs: 20_000 });
}

test('members get standbys, which take over from a member that leaves; nothing else moves', async () => {
  const topic = await createTopic(bootstrap, { numPartitions: PARTITIONS });
  const groupId = `group-${randomUUID()}`;
  const [a, b, c] = [new Member(groupId, topic), new Member(groupId, topic), new Member(groupId, topic)];
  await Promise.all([a.start(), b.start(), c.start()]);
  await settled([a, b, c]);
  expect([a, b, c].map(({ active }) => active.length)).toEqual([2, 2, 2]);
  expect([a, b, c].map(({ standby }) => standby.length)).toEqual([2, 2, 2]);
  for (const { active, standby } of [a, b, c]) expect(active.filter((p) => standby.includes(p))).toEqual([]);

  const before = new Map([b, c].map((member) => [member, { active: member.active, standby: member.standby }]));
  const orphans = a.active;
  await a.membership.stop();
  await settled([b, c]);
  for (const [member, { active }] of before) expect(member.active).toEqual(expect.arrayContaining([...active]));
  const tookOver = [...before].flatMap(([member, { standby }]) =>
    orphans.filter((p) => member.active.includes(p) && standby.includes(p)),
  );
  // Each has room for one. If both orphans have their standby on the same member, one of them goes to another member.
  const standbyCounts = [...before.values()].map(({ standby }) => orphans.filter((p) => standby.includes(p)).length);
  expect(tookOver).toHaveLength(Math.max(...standbyCounts) === 2 ? 1 : 2);
});

test('of two members with different settings the leader runs everything, and reports why the other runs nothing', async () => {
  const topic = await createTopic(bootstrap, { numPartitions: PARTITIONS });
  const groupId = `group-${randomUUID()}`;
  const namespace = (value: string) => new Map([['EVENT_NAMESPACE', value]]);
  const a = new Member(groupId, topic, namespace('a'));
  await a.start();
  const all = () => Promise.resolve(a.active.length === PARTITIONS);
  await pollUntil(all, { awaited: 'the first member has all partitions', timeoutMs: 20_000 });
  const b = await new Member(groupId, topic, namespace('b')).start();
  const bothHaveJoined = () =>
    Promise.resolve(a.refused.length + b.refused.length > 0 && b.membership.memberId !== null);
  await pollUntil(bothHaveJoined, { awaited: 'the leader has refused the other', timeoutMs: 20_000 });

  const [leader, other] = a.refused.length > 0 ? [a, b] : [b, a];
  const seen = () => Promise.resolve(leader.active.length === PARTITIONS && other.active.length === 0);
  await pollUntil(seen, { awaited: 'the leader runs everything', timeoutMs: 20_000 });
  const [value, others] = leader === a ? ['a', 'b'] : ['b', 'a'];
  expect(leader.refused[0]).toEqual({
    memberId: other.membership.memberId,
    httpAddress: null,
    conflict: `EVENT_NAMESPACE is "${value}" here and "${others}" there`,
  });
});
