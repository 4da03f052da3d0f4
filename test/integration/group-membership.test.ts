import { AssignerProtocol, PartitionAssigners, type Consumer, type PartitionAssigner } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { KafkaGroupMembership, type GroupMembershipOptions } from '../../src/kafka/group/group-membership.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { removeMember } from '../../src/kafka/group/remove-member.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { currentCluster } from '../support/current-cluster.js';
import { MemoryOfTest, rememberedIn } from '../support/member-memory.js';
import { createTopic, plainClient } from '../support/topics.js';

const { bootstrap } = currentCluster();
const logger = pino({ level: 'silent' });
const kafka = kafkaConfigOf(
  { applicationId: 'test', kafka: { brokers: bootstrap.split(','), tls: null, sasl: null } },
  logger,
);

let topic: string;
let groupId: string;
let members: Member[];

beforeEach(async () => {
  topic = await createTopic(bootstrap, { numPartitions: 3 });
  groupId = `group-${randomUUID()}`;
  members = [];
});

afterEach(async () => {
  await Promise.all(members.map(({ membership }) => membership.stop()));
});

/** A member, and all calls that it got, in order. */
class Member {
  readonly membership: KafkaGroupMembership;
  readonly assignments: (readonly number[])[] = [];
  readonly crashes: Error[] = [];
  readonly memory = new MemoryOfTest();
  readonly #crashed = new AbortController();
  #onChange: () => void = () => undefined;

  constructor(options: Partial<GroupMembershipOptions> = {}) {
    this.membership = new KafkaGroupMembership({
      kafka,
      clock: systemClock,
      groupId,
      topic,
      logger,
      assigner: PartitionAssigners.roundRobin,
      remembered: rememberedIn(this.memory, kafka, groupId),
      onCrash: (error) => {
        this.crashes.push(error);
        this.#crashed.abort();
        this.#onChange();
      },
      ...options,
    });
    members.push(this);
  }

  /** Resolves after the first attempt to join. The attempt fails if the coordinator is still loading. */
  async start(): Promise<this> {
    await this.membership.start((partitions) => {
      this.assignments.push(partitions);
      this.#onChange();
    });
    return this;
  }

  async until(condition: (member: Member) => boolean): Promise<void> {
    while (!condition(this)) {
      const [crash] = this.crashes;
      if (crash !== undefined) throw crash;
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  confirmed(): Promise<void> {
    return this.membership.confirmed(this.#crashed.signal);
  }

  untilAssigned(...partitions: number[]): Promise<void> {
    return this.until(({ assignments }) => JSON.stringify(assignments.at(-1)) === JSON.stringify(partitions));
  }
}

async function produceOneToEach(): Promise<void> {
  const producer = plainClient(bootstrap).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic, messages: [0, 1, 2].map((partition) => ({ partition, value: 'x' })) });
  await producer.disconnect();
}

test('one member has all partitions, and shares them with a second member until that leaves', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  const second = await new Member().start();
  await first.until(({ assignments }) => assignments.length === 2);
  await second.until(({ assignments }) => assignments.length > 0);
  const shared = [...(first.assignments[1] ?? []), ...(second.assignments[0] ?? [])];
  expect(shared.sort()).toEqual([0, 1, 2]);
  expect(second.memory.memberId).toBe(second.membership.memberId);
  await second.membership.stop();
  expect(second.memory.memberId).toBeNull();
  await first.untilAssigned(0, 1, 2);
});

test('a member that gets no partition is notified', async () => {
  topic = await createTopic(bootstrap, { numPartitions: 1 });
  const first = await new Member().start();
  await first.untilAssigned(0);
  const second = await new Member().start();
  await first.until(({ assignments }) => assignments.length === 2);
  await second.until(({ assignments }) => assignments.length === 1);
  expect([first.assignments[1], second.assignments[0]].sort()).toEqual([[], [0]]);
});

test('a member never fetches a record, not even after a rebalance', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  await produceOneToEach();
  await first.confirmed();
  const second = await new Member().start();
  await first.until(({ assignments }) => assignments.length === 2);
  await second.membership.stop();
  await first.untilAssigned(0, 1, 2);
  await produceOneToEach();
  await first.confirmed();
  expect(first.crashes).toEqual([]);
  expect(second.crashes).toEqual([]);
});

test('a member is confirmed by a heartbeat sent after the question, and then knows its generation', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  await first.confirmed();
  const asked = performance.now();
  await first.confirmed();
  // The next heartbeat may have been sent before, so the one after it confirms. They are 250 ms apart.
  expect(performance.now() - asked).toBeGreaterThan(450);
  expect(first.membership.generation).toBe(1);
  expect(first.membership.memberId).toMatch(/^test-/);
});

test('a new assignment also confirms a member, and an abort ends the wait', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  const givesUp = new AbortController();
  const given = first.membership.confirmed(givesUp.signal);
  givesUp.abort();
  await given;
  await first.membership.confirmed(givesUp.signal);
  const memberId = first.membership.memberId ?? '';
  await removeMember(kafka, systemClock, groupId, memberId, new AbortController().signal);
  await first.confirmed();
  expect(first.membership.memberId).not.toBe(memberId);
  expect(first.assignments).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
});

test('the removal of a missing member is reported', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  expect(await removeMember(kafka, systemClock, groupId, 'nobody', new AbortController().signal)).toBe(false);
});

test('a member that stops is out of the group at once', async () => {
  const first = await new Member().start();
  await first.untilAssigned(0, 1, 2);
  await first.membership.stop();
  const started = performance.now();
  const second = await new Member().start();
  await second.untilAssigned(0, 1, 2);
  expect(performance.now() - started).toBeLessThan(3_000);
});

describe('while the group waits for a member that answers nothing', () => {
  let deaf: Consumer;

  beforeEach(async () => {
    deaf = plainClient(bootstrap).consumer({ groupId, sessionTimeout: 30_000, heartbeatInterval: 29_000 });
    await deaf.connect();
    await deaf.subscribe({ topic });
  });

  afterEach(() => deaf.disconnect());

  function deafJoins(): Promise<void> {
    return new Promise((resolve, reject) => {
      deaf.on(deaf.events.GROUP_JOIN, () => resolve());
      deaf.run({ eachMessage: () => Promise.resolve() }).catch(reject);
    });
  }

  test('a member that stops is out of the group within 3 s', async () => {
    let onJoin: () => void = () => undefined;
    const first = await new Member({
      assigner: (context) => {
        const assigner = PartitionAssigners.roundRobin(context);
        const protocol = assigner.protocol.bind(assigner);
        return Object.assign(assigner, {
          protocol: (subscription: { topics: string[] }) => {
            onJoin();
            return protocol(subscription);
          },
        });
      },
    }).start();
    await first.untilAssigned(0, 1, 2);
    await deafJoins();
    await first.until(({ assignments }) => assignments.length === 2);
    const joinsAgain = new Promise<void>((resolve) => (onJoin = resolve));
    const third = new Member();
    const starting = third.start();
    await joinsAgain;

    const memberId = first.membership.memberId ?? '';
    expect(await memberIds()).toContain(memberId);
    let joinsOnceMore = false;
    onJoin = () => (joinsOnceMore = true);
    const asked = performance.now();
    await first.membership.stop();
    expect(performance.now() - asked).toBeLessThan(3_500);
    expect(await memberIds()).not.toContain(memberId);
    await deaf.disconnect();
    await starting;
    await third.untilAssigned(0, 1, 2);
    // It must not have joined again either: its process is gone by now, and the group would wait for it.
    expect(joinsOnceMore).toBe(false);
    expect(first.assignments).toHaveLength(2);
  });

  test('a member that stops during its first join has stopped within 3 s and never joins', async () => {
    await deafJoins();
    const first = new Member();
    const starting = first.start();
    while ((await memberIds()).length < 2);
    const asked = performance.now();
    await first.membership.stop();
    expect(performance.now() - asked).toBeLessThan(3_500);
    await deaf.disconnect();
    await starting;
    expect(first.assignments).toEqual([]);
  });
});

test('a topic that does not exist is refused and not created', async () => {
  const missing = `missing-${randomUUID()}`;
  await expect(new Member({ topic: missing }).start()).rejects.toThrow(/does not host this topic/);
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  expect(await admin.listTopics()).not.toContain(missing);
  await admin.disconnect();
});

test('an assignor that fails ends the membership with an error', async () => {
  const failing: PartitionAssigner = () => ({
    name: 'failing',
    version: 0,
    protocol: ({ topics }) => ({
      name: 'failing',
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
    assign: () => Promise.reject(new TypeError('no plan')),
  });
  const member = new Member({ assigner: failing });
  await member.start();
  await member.until(({ crashes }) => crashes.length > 0);
  expect(String(member.crashes[0])).toContain('no plan');
});

async function memberIds(): Promise<string[]> {
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([groupId]);
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  } finally {
    await admin.disconnect();
  }
}
