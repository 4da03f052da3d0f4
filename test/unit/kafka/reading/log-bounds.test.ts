import { ERROR_CODES } from '../../../../src/kafka/protocol/protocol-errors.js';
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import type { Leader, TopicView } from '../../../../src/kafka/connection/leader-directory.js';
import { LogBoundsReader, type LogBoundsOptions } from '../../../../src/kafka/reading/log-bounds.js';

const AT = { topic: 'input', partition: 0 };
const TIMESTAMP_AT = 4 + 1 + 4 + 2 + AT.topic.length + 4 + 4 + 4;
const LEADER_EPOCH_AT = TIMESTAMP_AT - 4;

interface Asked {
  readonly address: string;
  readonly leaderEpoch: number;
}

/** A log whose leader is the broker that the cluster names at each request. */
class World {
  readonly asked: Asked[] = [];
  leader: Leader = { address: 'b1:9092', epoch: 0 };
  coordinator = 'b1:9092';
  coordinatorByMost = true;
  view: Pick<TopicView, 'topicId' | 'byMost'> = { topicId: null, byMost: true };
  offsetAt: (timestamp: number) => number = () => 7;
  readonly epochsAsked: number[] = [];
  /** The newest version of OffsetForLeaderEpoch that the brokers know. */
  newest = 4;
  errorCode = 0;

  readonly #broker = (address: string) => ({
    versions: { 23: { minVersion: 0, maxVersion: this.newest } },
    connectionPool: {
      send: async (call: { request: { apiName: string; encode(): { buffer: Buffer } } }) => {
        if (call.request.apiName !== 'ListOffsets') return this.#other(address, call.request);
        const body = call.request.encode().buffer;
        this.asked.push({ address, leaderEpoch: body.readInt32BE(LEADER_EPOCH_AT) });
        const offset = this.offsetAt(Number(body.readBigInt64BE(TIMESTAMP_AT)));
        return Promise.resolve({ errorCode: 0, clientSideThrottleTime: 0, offset });
      },
    },
  });

  #other(address: string, request: { apiName: string; encode(): { buffer: Buffer } }) {
    const { apiName } = request;
    const body = request.encode().buffer;
    // Behind the name: count, partition, epoch of the leader that is asked, epoch whose end is wanted.
    if (apiName === 'OffsetForLeaderEpoch') this.epochsAsked.push(body.readInt32BE(body.length - 4));
    const leaderEpoch = apiName === 'OffsetForLeaderEpoch' ? body.readInt32BE(body.length - 8) : 3;
    this.asked.push({ address, leaderEpoch });
    const { errorCode } = this;
    return Promise.resolve({ errorCode, clientSideThrottleTime: 0, offset: 7, endOffset: 5, leaderEpoch: 3 });
  }

  reader(): LogBoundsReader {
    const leaders = {
      lookUp: (): Promise<TopicView> => Promise.resolve({ ...this.view, leaders: new Map([[0, this.leader]]) }),
      forget: () => undefined,
    };
    const cluster = {
      leaders,
      coordinatorOf: () =>
        Promise.resolve({
          errorCode: 0,
          clientSideThrottleTime: 0,
          address: this.coordinator,
          byMost: this.coordinatorByMost,
        }),
    };
    const options: Partial<LogBoundsOptions> = {
      groupId: 'group',
      connections: {
        ask: (address, question) => question(this.#broker(address) as unknown as ConnectedBroker),
        drop: () => undefined,
      },
      cluster: cluster as unknown as LogBoundsOptions['cluster'],
      clock: { now: () => 0, delay: () => Promise.resolve() },
      onTrouble: () => undefined,
      signal: new AbortController().signal,
    };
    return new LogBoundsReader(options as LogBoundsOptions);
  }
}

test('a transaction that ends during the look-up of the bounds does not look open', async () => {
  const world = new World();
  let offset = 0;
  world.offsetAt = (timestamp) => (timestamp === -2 ? offset++ : offset++ + 1);
  const { start, end, highWatermark } = await world.reader().bounds(AT);
  expect(end).toBeGreaterThanOrEqual(highWatermark);
  expect(end).toBeGreaterThanOrEqual(start);
});

test('former leaders and coordinators are not asked again once the cluster names others', async () => {
  const world = new World();
  const reader = world.reader();
  await reader.bounds(AT);
  await reader.committedOffset(AT);
  world.leader = { address: 'b3:9092', epoch: 1 };
  world.coordinator = 'b3:9092';
  world.asked.length = 0;
  await reader.bounds(AT);
  await reader.committedOffset(AT);
  expect(new Set(world.asked.map(({ address }) => address))).toEqual(new Set(['b3:9092']));
});

test('a request has the known leader epoch, so that a leader that is cut off refuses', async () => {
  const world = new World();
  world.leader = { address: 'b3:9092', epoch: 5 };
  await world.reader().bounds(AT);
  expect(world.asked.map(({ leaderEpoch }) => leaderEpoch)).toEqual([5, 5, 5]);
});

test('bounds have their topic and leader epoch, and whether most brokers have named that leader', async () => {
  const world = new World();
  world.leader = { address: 'b3:9092', epoch: 5 };
  world.view = { topicId: 'id', byMost: false };
  const view = { topicId: 'id', leaderEpoch: 5, byMost: false };
  expect(await world.reader().bounds(AT)).toEqual({ start: 7, end: 7, highWatermark: 7, ...view });
});

test("the request for the end of an epoch has the leader's own known epoch", async () => {
  const world = new World();
  world.leader = { address: 'b3:9092', epoch: 5 };
  expect(await world.reader().endOfEpoch(AT, 4)).toBe(5);
  expect(world.asked).toEqual([{ address: 'b3:9092', leaderEpoch: 5 }]);
  expect(world.epochsAsked).toEqual([4]);
});

test('brokers that answer this request only to brokers do not report the end of an epoch', async () => {
  const world = new World();
  world.newest = 1;
  expect(await world.reader().endOfEpoch(AT, 4)).toBeNull();
  expect(world.asked).toEqual([]);
});

test("the group's offset comes with the leader epoch that was committed", async () => {
  expect(await new World().reader().committedOffset(AT)).toEqual({ offset: 7, leaderEpoch: 3 });
});

test.each([true, false])(
  'a pending offset comes with whether most brokers name the coordinator: %s',
  async (byMost) => {
    const world = new World();
    world.coordinatorByMost = byMost;
    expect(await world.reader().pendingOffset(AT)).toEqual({ isPending: false, byMost });
    world.errorCode = ERROR_CODES.UNSTABLE_OFFSET_COMMIT;
    expect(await world.reader().pendingOffset(AT)).toEqual({ isPending: true, byMost });
  },
);
