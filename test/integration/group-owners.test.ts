import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createAssignor } from '../../src/kafka/group/assignor.js';
import { KafkaGroupMembership } from '../../src/kafka/group/group-membership.js';
import { GroupOwners } from '../../src/kafka/group/group-owners.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { currentCluster } from '../support/current-cluster.js';
import { MemoryOfTest, rememberedIn } from '../support/member-memory.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { createTopic } from '../support/topics.js';

const { bootstrap } = currentCluster();
const logger = pino({ level: 'silent' });
const kafka = kafkaConfigOf(
  { applicationId: 'test', kafka: { brokers: bootstrap.split(','), tls: null, sasl: null } },
  logger,
);

const memberships: KafkaGroupMembership[] = [];
let group: GroupOwners | undefined;
afterEach(async () => {
  await Promise.all(memberships.splice(0).map((membership) => membership.stop()));
  await group?.close();
});

/** @param onAssigned called with the member's present number of partitions */
async function join(groupId: string, topic: string, httpAddress: string | null, onAssigned: (count: number) => void) {
  const info = {
    httpAddress,
    numStandby: 0,
    memberId: null,
    partitions: [],
    statePositions: new Map(),
    settings: new Map(),
    changelogId: null,
  };
  const membership = new KafkaGroupMembership({
    kafka,
    clock: systemClock,
    groupId,
    topic,
    logger,
    assigner: createAssignor({
      topic,
      partitions: 4,
      describe: () => info,
      onRefused: () => undefined,
      onTooMany: () => undefined,
    }),
    remembered: rememberedIn(new MemoryOfTest(), kafka, groupId),
    onCrash: (error) => {
      throw error;
    },
  });
  memberships.push(membership);
  await membership.start((partitions) => onAssigned(partitions.length));
  return membership;
}

test('the owner and the address of each partition are known, while members come and go', async () => {
  const topic = await createTopic(bootstrap, { numPartitions: 4 });
  const groupId = `group-${randomUUID()}`;
  group = new GroupOwners({ kafka, groupId, topic, clock: systemClock });
  expect(await group.owners()).toEqual([]);

  const first = await join(groupId, topic, 'http://10.0.0.1:8080', () => undefined);
  // Asked at once: the answer must be the assignment in progress, not "no owner".
  const alone = await group.owners();
  expect(alone).toEqual(
    [0, 1, 2, 3].map((partition) => ({
      partition,
      memberId: first.memberId,
      httpAddress: 'http://10.0.0.1:8080',
    })),
  );

  let shared = (): void => undefined;
  const isShared = new Promise<void>((resolve) => (shared = resolve));
  const second = await join(groupId, topic, null, (count) => count === 2 && shared());
  await isShared;
  const both = await group.owners();
  expect(both.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
  const addresses = new Map(both.map(({ memberId, httpAddress }) => [memberId, httpAddress]));
  expect(addresses).toEqual(
    new Map([
      [first.memberId, 'http://10.0.0.1:8080'],
      [second.memberId, null],
    ]),
  );
});
