import { AnyBroker } from '../../../src/kafka/any-broker.js';
import type { BrokerConnections } from '../../../src/kafka/broker-connections.js';
import { LeaderDirectory } from '../../../src/kafka/leader-directory.js';
import type { TopicMetadata } from '../../../src/kafka/metadata-protocol.js';
import type { Clock } from '../../../src/lib/clock.js';

const AT = { topic: 't', partition: 0 };

/** Brokers that answer with what is set for them: null for one that accepts connections and says nothing. */
class Brokers {
  readonly asked: string[] = [];
  readonly dropped: string[] = [];
  readonly answers = new Map<string, unknown>();
  /** Time passes only while nobody answers. */
  readonly clock: Clock = {
    now: () => 0,
    delay: (_ms, signal) =>
      new Promise((over) => {
        const timer = setImmediate(over);
        signal?.addEventListener('abort', () => clearImmediate(timer));
      }),
  };
  readonly connections: Pick<BrokerConnections, 'ask' | 'drop'> = {
    ask: <T>(address: string): Promise<T> => {
      this.asked.push(address);
      const answer = this.answers.get(address);
      if (answer === null) return new Promise(() => undefined);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as T);
    },
    drop: (address) => void this.dropped.push(address),
  };
  readonly any = new AnyBroker({ brokers: ['a:1', 'b:1'] }, this.clock);

  ask(): Promise<unknown> {
    return this.any.ask(this.connections, () => Promise.reject(new Error('the answers are set')));
  }
}

function metadata(leader: string): TopicMetadata {
  const brokers = new Map([[1, leader]]);
  return { clientSideThrottleTime: 0, brokers, errorCode: 0, leaders: new Map([[0, 1]]) };
}

test.each([
  ['is frozen', null],
  ['refuses connections', new Error('refused')],
])('a broker that %s is passed over by whoever asks next', async (_, answer) => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', answer).set('b:1', 'yes');
  await expect(brokers.ask()).rejects.toThrow();
  await expect(brokers.ask()).resolves.toEqual({ answer: 'yes', toldBy: 'b:1' });
  await brokers.ask();
  expect(brokers.asked).toEqual(['a:1', 'b:1', 'b:1']);
  expect(brokers.dropped).toEqual(['a:1']);
});

test('many who are let down at once by one broker pass on from it once', async () => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', null).set('b:1', 'yes');
  await Promise.allSettled([brokers.ask(), brokers.ask()]);
  await brokers.ask();
  expect(brokers.asked).toEqual(['a:1', 'a:1', 'b:1']);
});

test('what was learnt is asked after those configured, and changes nothing about who is asked now', async () => {
  const brokers = new Brokers();
  await brokers.any.learn(['b:1', 'c:1']);
  expect(await brokers.any.count()).toBe(3);
  for (const address of ['a:1', 'b:1']) brokers.any.passOn(address);
  await brokers.any.learn(['c:1']);
  await brokers.ask();
  expect(brokers.asked).toEqual(['c:1']);
});

test('a broker that was cut off does not confirm for ever that it leads', async () => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', metadata('a:1')).set('b:1', metadata('b:1'));
  const leaders = new LeaderDirectory(brokers.any, brokers.connections);
  expect(await leaders.find(AT)).toBe('a:1');
  await leaders.refresh(AT.topic);
  expect(leaders.known(AT)).toBe('b:1');
});

test('a leader that failed is asked for at another broker than the one that named it', async () => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', metadata('a:1')).set('b:1', metadata('b:1'));
  const leaders = new LeaderDirectory(brokers.any, brokers.connections);
  expect(await leaders.find(AT)).toBe('a:1');
  leaders.forget(AT);
  expect(await leaders.find(AT)).toBe('b:1');
});
