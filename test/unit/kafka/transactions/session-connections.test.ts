/** The connections of a producer session once brokers throttle it (KIP-219). */
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import { SessionConnections } from '../../../../src/kafka/transactions/session-connections.js';
import { Throttle } from '../../../../src/kafka/transactions/throttle.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';

const BROKER = 'broker:9092';
const OTHER = 'other:9092';
let now: number;
let wallMs = 0;
let throttle: Throttle;
let used: string[];
beforeEach(() => {
  now = 1_000_000;
  throttle = new Throttle({ now: () => wallMs, monotonicMs: () => now });
  used = [];
});

function session() {
  const named = (name: string) => ({
    ask: <T>(_: string, question: (broker: ConnectedBroker) => Promise<T>) => {
      used.push(name);
      return question({} as ConnectedBroker);
    },
    drop: () => used.push(`drop ${name}`),
    lostOne: () => name === 'others',
    close: () => {
      used.push(`close ${name}`);
      return Promise.resolve();
    },
  });
  return new SessionConnections(named('writing'), named('others'), throttle);
}

const answer = (clientSideThrottleTime: number) => () => Promise.resolve({ errorCode: 0, clientSideThrottleTime });

test('all requests share one connection until brokers throttle; then the coordinator is asked over another', async () => {
  const connections = session();
  await connections.ask(BROKER, answer(0));
  await connections.write(BROKER, answer(3_000));
  await connections.ask(BROKER, answer(0));
  await connections.write(BROKER, answer(0));
  expect(used).toEqual(['writing', 'writing', 'others', 'writing']);
});

test('the next session of the id knows that brokers throttle it, and for how long', async () => {
  await session().write(BROKER, answer(3_000));
  now += 1_000;
  const next = session();
  expect(next.throttledMs).toBe(2_000);
  await next.ask(BROKER, answer(0));
  expect(used).toEqual(['writing', 'others']);
  now += 2_000;
  expect(next.throttledMs).toBe(0);
});

test('the longest throttling of several brokers counts, and a clock that is set back does not extend it', () => {
  throttle.note(BROKER, 5_000);
  throttle.note(OTHER, 1_000);
  expect(throttle.leftMs).toBe(5_000);
  wallMs -= 3_600_000;
  now += 1_000;
  expect(throttle.leftMs).toBe(4_000);
});

test('a transaction that has more to write is given up if it would wait for long', async () => {
  const connections = session();
  const to = { topic: 'output', partition: 0 };
  await connections.write(BROKER, answer(5_000));
  expect(() => connections.mustNotWait(to)).not.toThrow();
  await connections.write(BROKER, answer(35_000));
  expect(() => connections.mustNotWait(to)).toThrow(BrokerError);
  expect(() => connections.mustNotWait(to)).toThrow(/output-0 for 35000 ms/);
});

test('a loss of either connection counts, and all are closed', async () => {
  const connections = session();
  expect(connections.lostOne()).toBe(true);
  connections.drop(BROKER);
  await connections.close();
  expect(used).toEqual(['drop writing', 'drop others', 'close writing', 'close others']);
});
