/** Which coordinator counts if one broker is cut off and does not know it. */
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import { COORDINATOR_OF_GROUP } from '../../../../src/kafka/connection/cluster.js';
import { ClusterView } from '../../../../src/kafka/connection/cluster-view.js';
import { unansweredClock } from '../../../support/clocks.js';

const METADATA = 'Metadata';
const NOT_AVAILABLE = 15;
const BROKERS = ['b1:9092', 'b2:9092', 'b3:9092'] as const;

/**
 * @param named by broker: the coordinator that it names; null if it refuses; the error if it does not answer
 * @param configured the brokers that the view begins with
 */
function viewOf(named: Readonly<Record<string, string | null | Error>>, configured: readonly string[] = BROKERS) {
  const asked: string[] = [];
  const brokers = new Map(Object.keys(named).map((address, id) => [id, address]));
  const broker = (address: string) => ({
    connectionPool: {
      send: ({ request: { apiName } }: { request: { apiName: string } }) => {
        if (apiName === METADATA) return Promise.resolve({ brokers });
        asked.push(address);
        const coordinator = named[address];
        if (coordinator instanceof Error) return Promise.reject(coordinator);
        const errorCode = coordinator == null ? NOT_AVAILABLE : 0;
        return Promise.resolve({ clientSideThrottleTime: 0, errorCode, address: coordinator ?? '' });
      },
    },
  });
  const view = new ClusterView({ brokers: [...configured] }, unansweredClock, {
    ask: (address, question) => question(broker(address) as unknown as ConnectedBroker),
    drop: () => undefined,
    close: () => Promise.resolve(),
  });
  return { asked, coordinator: () => view.coordinatorOf(COORDINATOR_OF_GROUP, 'group') };
}

test('the coordinator that most brokers name counts, although a broker that is cut off answers first', async () => {
  const { coordinator } = viewOf({ 'b1:9092': 'b1:9092', 'b2:9092': 'b3:9092', 'b3:9092': 'b3:9092' });
  expect(await coordinator()).toMatchObject({ errorCode: 0, address: 'b3:9092' });
});

test('a start with a broker that is cut off also asks the brokers that it names', async () => {
  const named = { 'b1:9092': 'b1:9092', 'b2:9092': 'b3:9092', 'b3:9092': 'b3:9092' };
  const { asked, coordinator } = viewOf(named, ['b1:9092']);
  expect(await coordinator()).toMatchObject({ address: 'b3:9092' });
  expect(new Set(asked)).toEqual(new Set(BROKERS));
});

test('brokers that do not know a coordinator yet have no vote', async () => {
  const { coordinator } = viewOf({ 'b1:9092': null, 'b2:9092': 'b2:9092', 'b3:9092': null });
  expect(await coordinator()).toMatchObject({ errorCode: 0, address: 'b2:9092' });
});

test('if no broker names a coordinator, their refusal is returned', async () => {
  const { coordinator } = viewOf({ 'b1:9092': null, 'b2:9092': null, 'b3:9092': null });
  expect((await coordinator()).errorCode).toBe(NOT_AVAILABLE);
});

test('two of five brokers that are cut off are not most of them, although two others do not answer', async () => {
  const down = new Error('refused');
  const cutOff = { 'b1:9092': 'b1:9092', 'b2:9092': 'b1:9092' };
  const { coordinator } = viewOf({ ...cutOff, 'b3:9092': 'b3:9092', 'b4:9092': down, 'b5:9092': down });
  expect(await coordinator()).toMatchObject({ address: 'b1:9092', byMost: false });
  const three = { ...cutOff, 'b3:9092': 'b1:9092', 'b4:9092': down, 'b5:9092': down };
  expect(await viewOf(three).coordinator()).toMatchObject({ address: 'b1:9092', byMost: true });
});
