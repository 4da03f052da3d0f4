import { pino } from 'pino';
import { TrueCoordinator } from '../../../../src/kafka/group/true-coordinator.js';
import { watchMembership } from '../../../../src/kafka/group/watch-membership.js';

const OLD = { host: 'b1', port: 9092 };
const NEW = { host: 'b3', port: 9092 };

/** A consumer of kafkajs that has found `OLD`, and brokers, most of which name `named`. */
class World {
  now = 0;
  named: string | Error = 'b1:9092';
  byMost = true;
  asked = 0;
  readonly beats: string[] = [];
  readonly coordinator = new TrueCoordinator({
    cluster: {
      coordinatorOf: () => {
        this.asked++;
        if (this.named instanceof Error) return Promise.reject(this.named);
        const answer = { errorCode: 0, clientSideThrottleTime: 0, address: this.named, byMost: this.byMost };
        return Promise.resolve(answer);
      },
    },
    groupId: 'group',
    clock: { now: () => this.now, delay: () => Promise.resolve() },
    logger: pino({ level: 'silent' }),
  });
  readonly #brokers = { 1: this.#broker(OLD), 3: this.#broker(NEW) };
  readonly consumer = {
    brokerPool: { brokers: this.#brokers },
    findGroupCoordinator: () => Promise.resolve(this.#brokers[1]),
    findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(this.#brokers[Number(nodeId) as 1 | 3]),
    refreshMetadata: () => Promise.resolve(),
  };

  constructor() {
    const { coordinator } = this;
    watchMembership(this.consumer, { coordinator, topic: 'input', assigned: () => undefined, left: () => undefined });
  }

  #broker(connectionPool: typeof OLD) {
    const unused = () => Promise.reject(new Error('that should not have been asked for'));
    const heartbeat = () => {
      this.beats.push(connectionPool.host);
      return Promise.resolve();
    };
    return { connectionPool, heartbeat, syncGroup: unused, leaveGroup: unused };
  }
}

const notCoordinator = expect.objectContaining({ type: 'NOT_COORDINATOR_FOR_GROUP' }) as Error;

test('a member leaves a coordinator that most brokers no longer name, within seconds', async () => {
  const world = new World();
  const coordinator = await world.consumer.findGroupCoordinator();
  await coordinator.heartbeat();
  world.named = 'b3:9092';
  world.now += 3_000;
  await coordinator.heartbeat(); // Judged by the brokers' last answer; they are asked again meanwhile.
  await world.coordinator.look();
  await expect(coordinator.heartbeat()).rejects.toEqual(notCoordinator);
  expect(world.beats).toEqual(['b1', 'b1']);
});

test('a member joins the coordinator that most brokers name, whatever its first broker says', async () => {
  const world = new World();
  world.named = 'b3:9092';
  const coordinator = await world.consumer.findGroupCoordinator();
  expect(coordinator.connectionPool).toEqual(NEW);
  await coordinator.heartbeat();
  expect(world.beats).toEqual(['b3']);
});

test.each([
  ['do not agree', (world: World) => void Object.assign(world, { named: 'b3:9092', byMost: false })],
  ['do not answer', (world: World) => void Object.assign(world, { named: new Error('away') })],
])('a member stays with its coordinator while the brokers %s', async (_, change) => {
  const world = new World();
  change(world);
  const coordinator = await world.consumer.findGroupCoordinator();
  expect(coordinator.connectionPool).toEqual(OLD);
  await coordinator.heartbeat();
  expect(world.beats).toEqual(['b1']);
});

test('brokers are not asked at each heartbeat', async () => {
  const world = new World();
  const coordinator = await world.consumer.findGroupCoordinator();
  for (let beat = 0; beat < 10; beat++) await coordinator.heartbeat();
  expect(world.asked).toBe(1);
});
