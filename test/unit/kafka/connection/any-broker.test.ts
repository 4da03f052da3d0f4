import { AnyBroker } from '../../../../src/kafka/connection/any-broker.js';
import type { BrokerConnections } from '../../../../src/kafka/connection/broker-connections.js';
import { isMost } from '../../../../src/kafka/connection/broker-survey.js';
import { LeaderDirectory, UnknownPartitionError } from '../../../../src/kafka/connection/leader-directory.js';
import type { TopicMetadata } from '../../../../src/kafka/protocol/metadata-protocol.js';
import { unansweredClock } from '../../../support/clocks.js';

const AT = { topic: 't', partition: 0 };

/** Brokers with given answers; null for a broker that accepts connections and does not answer. */
class Brokers {
  readonly asked: string[] = [];
  readonly dropped: string[] = [];
  readonly answers = new Map<string, unknown>();
  readonly connections: Pick<BrokerConnections, 'ask' | 'drop'> = {
    ask: <T>(address: string): Promise<T> => {
      this.asked.push(address);
      const answer = this.answers.get(address);
      if (answer === null) return new Promise(() => undefined);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as T);
    },
    drop: (address) => void this.dropped.push(address),
  };
  readonly any: AnyBroker;
  readonly leaders: LeaderDirectory;

  constructor(configured: readonly string[] = ['a:1', 'b:1']) {
    this.any = new AnyBroker({ brokers: [...configured] }, unansweredClock);
    this.leaders = new LeaderDirectory(this.any, this.connections);
  }

  ask(): Promise<unknown> {
    return this.any.ask(this.connections, () => Promise.reject(new Error('the answers are set')));
  }

  /** The one broker that answers names these as the cluster's brokers. */
  async learn(...addresses: readonly string[]): Promise<void> {
    const connections = { ...this.connections, ask: <T>() => Promise.resolve('yes' as T) };
    const ask = () => Promise.reject(new Error('the answers are set'));
    await this.any.askSeveral(
      connections,
      ask,
      () => addresses,
      () => true,
    );
  }

  askSeveral(): Promise<{ answers: readonly { answer: unknown }[]; byMost: boolean }> {
    const ask = () => Promise.reject(new Error('the answers are set'));
    return this.any.askSeveral(
      this.connections,
      ask,
      () => [],
      (answers, known) => isMost(answers.length, known),
    );
  }
}

const ALL: readonly (readonly [number, string])[] = [
  [1, 'a:1'],
  [2, 'b:1'],
  [3, 'c:1'],
];

/** A broker's answer about topic t: the node that leads its partition 0. */
function metadata(nodeId: number, epoch: number, topicId: string | null = 'id', brokers = ALL): TopicMetadata {
  const leaders = new Map([[0, { nodeId, epoch }]]);
  return { clientSideThrottleTime: 0, brokers: new Map(brokers), errorCode: 0, topicId, leaders };
}

test.each([
  ['is frozen', null],
  ['refuses connections', new Error('refused')],
])('a broker that %s is skipped by the next request', async (_, answer) => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', answer).set('b:1', 'yes');
  await expect(brokers.ask()).rejects.toThrow();
  await expect(brokers.ask()).resolves.toEqual({ answer: 'yes', answeredBy: 'b:1' });
  await brokers.ask();
  expect(brokers.asked).toEqual(['a:1', 'b:1', 'b:1']);
  expect(brokers.dropped).toEqual(['a:1']);
});

test('several requests that one broker fails at the same time switch to the next broker once', async () => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', null).set('b:1', 'yes');
  await Promise.allSettled([brokers.ask(), brokers.ask()]);
  await brokers.ask();
  expect(brokers.asked).toEqual(['a:1', 'a:1', 'b:1']);
});

test('brokers that the cluster names are asked after the configured ones, and the current broker stays', async () => {
  const brokers = new Brokers();
  await brokers.learn('b:1', 'c:1');
  expect(await brokers.any.addresses()).toEqual(['a:1', 'b:1', 'c:1']);
  for (const address of ['a:1', 'b:1']) brokers.any.passOn(address);
  await brokers.learn('c:1');
  brokers.asked.length = 0;
  await brokers.ask();
  expect(brokers.asked).toEqual(['c:1']);
});

test('the answers of most brokers are enough, and a frozen broker is not waited for', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers.set('a:1', 'yes').set('b:1', null).set('c:1', 'no');
  const { answers, byMost } = await brokers.askSeveral();
  expect(answers.map(({ answer }) => answer)).toEqual(['yes', 'no']);
  expect(byMost).toBe(true);
});

test('if only one of several brokers answers, the result is not marked as known to most', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers.set('a:1', 'yes').set('b:1', null).set('c:1', new Error('refused'));
  const { answers, byMost } = await brokers.askSeveral();
  expect(answers).toHaveLength(1);
  expect(byMost).toBe(false);
});

test('if no broker answers, the request fails', async () => {
  const brokers = new Brokers();
  brokers.answers.set('a:1', new Error('refused')).set('b:1', null);
  await expect(brokers.askSeveral()).rejects.toThrow();
});

test('the highest leader epoch counts, whichever broker answers first', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers.set('a:1', metadata(1, 5)).set('b:1', metadata(2, 6)).set('c:1', metadata(2, 6));
  expect(await brokers.leaders.find(AT)).toEqual({ address: 'b:1', epoch: 6 });
});

test('a start with a broker that is cut off also asks the brokers that it names', async () => {
  const brokers = new Brokers(['a:1']);
  brokers.answers.set('a:1', metadata(1, 5)).set('b:1', metadata(2, 6)).set('c:1', metadata(2, 6));
  const { leaders, byMost } = await brokers.leaders.lookUp(AT.topic);
  expect(leaders.get(0)).toEqual({ address: 'b:1', epoch: 6 });
  expect(byMost).toBe(true);
});

test('a broker that is configured under another address than its own counts once', async () => {
  const brokers = new Brokers(['bootstrap:1']);
  for (const address of ['bootstrap:1', 'a:1']) brokers.answers.set(address, metadata(1, 5));
  brokers.answers.set('b:1', null).set('c:1', new Error('refused'));
  expect((await brokers.leaders.lookUp(AT.topic)).byMost).toBe(false);
  brokers.answers.set('c:1', metadata(2, 6));
  expect(await brokers.leaders.lookUp(AT.topic)).toMatchObject({ byMost: true });
  expect(brokers.leaders.known(AT)).toEqual({ address: 'b:1', epoch: 6 });
});

test('the answer that a partition has no leader counts if it has the highest epoch', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers.set('a:1', metadata(1, 5)).set('b:1', metadata(-1, 6)).set('c:1', metadata(-1, 6));
  await expect(brokers.leaders.find(AT)).rejects.toThrow('t/0 has no leader now');
});

test('in a large cluster each survey asks different brokers, and at most five', async () => {
  const brokers = new Brokers();
  const all = Array.from({ length: 9 }, (_, i) => `broker-${i}:1`);
  await brokers.learn(...all);
  for (const address of all) brokers.answers.set(address, 'yes');
  const asked = new Set<string>();
  for (let survey = 0; survey < all.length; survey++) {
    brokers.asked.length = 0;
    await brokers.askSeveral();
    expect(brokers.asked.length).toBeLessThanOrEqual(5);
    for (const address of brokers.asked) asked.add(address);
  }
  expect([...asked].sort()).toEqual(all);
});

const ALONE = [[1, 'a:1']] as const;

/** One broker that names a leader of epoch 5, after epoch 6 was seen. */
async function withEpochGoneBack(): Promise<Brokers> {
  const brokers = new Brokers(['a:1']);
  brokers.answers.set('a:1', metadata(1, 6, 'id', ALONE));
  await brokers.leaders.find(AT);
  brokers.answers.set('a:1', metadata(1, 5, 'id', ALONE));
  brokers.leaders.forget(AT);
  return brokers;
}

test('the error about a leader whose epoch went back says that a restart helps after a restore of the cluster', async () => {
  const brokers = await withEpochGoneBack();
  await expect(brokers.leaders.find(AT)).rejects.toThrow(
    /leader of epoch 5, but epoch 6 was seen .* restart this instance/,
  );
});

test('an epoch below the highest that was seen is refused, unless the topic was created again', async () => {
  const brokers = await withEpochGoneBack();
  await expect(brokers.leaders.find(AT)).rejects.toThrow('t/0 has no leader now');
  brokers.answers.set('a:1', metadata(1, 0, 'other', ALONE));
  expect(await brokers.leaders.find(AT)).toEqual({ address: 'a:1', epoch: 0 });
  expect(brokers.leaders.topicId(AT.topic)).toBe('other');
});

test('a broker that is cut off cannot bring back a deleted topic', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers
    .set('a:1', metadata(1, 9, 'former'))
    .set('b:1', metadata(2, 0))
    .set('c:1', metadata(2, 0));
  expect(await brokers.leaders.lookUp(AT.topic)).toMatchObject({ topicId: 'id', byMost: true });
  brokers.answers.set('c:1', null);
  expect((await brokers.leaders.lookUp(AT.topic)).byMost).toBe(false);
});

test('brokers without topic ids may begin their epochs again', async () => {
  const brokers = new Brokers(['a:1']);
  const alone = [[1, 'a:1']] as const;
  brokers.answers.set('a:1', metadata(1, 6, null, alone));
  await brokers.leaders.find(AT);
  brokers.answers.set('a:1', metadata(1, 0, null, alone));
  expect((await brokers.leaders.lookUp(AT.topic)).leaders.get(0)).toEqual({ address: 'a:1', epoch: 0 });
});

test('a leader that has failed is asked for again', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  for (const address of ['a:1', 'b:1', 'c:1']) brokers.answers.set(address, metadata(1, 5));
  await brokers.leaders.find(AT);
  brokers.leaders.forget(AT);
  expect(brokers.leaders.known(AT)).toBeUndefined();
  for (const address of ['a:1', 'b:1', 'c:1']) brokers.answers.set(address, metadata(2, 6));
  expect(await brokers.leaders.find(AT)).toEqual({ address: 'b:1', epoch: 6 });
});

test('a topic that one broker does not know yet is asked of the others', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  const unknown = { ...metadata(1, 0), errorCode: 3 };
  brokers.answers.set('a:1', unknown).set('b:1', metadata(2, 0)).set('c:1', metadata(2, 0));
  expect(await brokers.leaders.find(AT)).toEqual({ address: 'b:1', epoch: 0 });
  for (const address of ['a:1', 'b:1', 'c:1']) brokers.answers.set(address, unknown);
  await expect(brokers.leaders.lookUp(AT.topic)).rejects.toThrow(UnknownPartitionError);
});

test('half of the brokers are not a majority', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1', 'd:1']);
  for (const address of ['a:1', 'b:1']) brokers.answers.set(address, 'yes');
  for (const address of ['c:1', 'd:1']) brokers.answers.set(address, new Error('refused'));
  expect((await brokers.askSeveral()).byMost).toBe(false);
});

test('a cluster that comes back only under its configured addresses is found again', async () => {
  const brokers = new Brokers(['a:1']);
  const alone = [[1, 'b:1']] as const;
  brokers.answers.set('a:1', metadata(1, 5, 'id', alone)).set('b:1', metadata(1, 5, 'id', alone));
  await brokers.leaders.find(AT);
  brokers.answers.set('b:1', new Error('refused')).set('a:1', metadata(1, 6, 'id', [[1, 'a:1']]));
  expect((await brokers.leaders.lookUp(AT.topic)).leaders.get(0)).toEqual({ address: 'a:1', epoch: 6 });
});

test('an epoch below the highest that was seen is refused each time', async () => {
  const brokers = new Brokers(['a:1']);
  const alone = [[1, 'a:1']] as const;
  brokers.answers.set('a:1', metadata(1, 6, 'id', alone));
  await brokers.leaders.find(AT);
  brokers.answers.set('a:1', metadata(1, 5, 'id', alone));
  for (let i = 0; i < 3; i++) expect((await brokers.leaders.lookUp(AT.topic)).leaders.get(0)).toBeNull();
});

test('the topic that most brokers know counts, even if a topic of the same name had higher epochs', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers.set('a:1', metadata(1, 9, 'former')).set('b:1', metadata(2, 0, 'present'));
  brokers.answers.set('c:1', metadata(2, 0, 'present'));
  expect(await brokers.leaders.lookUp(AT.topic)).toMatchObject({
    topicId: 'present',
    leaders: new Map([[0, { address: 'b:1', epoch: 0 }]]),
  });
});

test('a topic that only one broker still knows does not exist', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  const unknown = { ...metadata(1, 0), errorCode: 3 };
  const four = { ...metadata(1, 9), brokers: new Map([...ALL, [4, 'd:1'] as const]) };
  brokers.answers.set('a:1', four).set('b:1', unknown).set('c:1', unknown).set('d:1', new Error('refused'));
  await expect(brokers.leaders.lookUp(AT.topic)).rejects.toThrow(UnknownPartitionError);
});

test('if a broker that is cut off knows another topic of the name, two answers do not decide between them', async () => {
  const brokers = new Brokers(['a:1', 'b:1', 'c:1']);
  brokers.answers
    .set('a:1', metadata(1, 9, 'former'))
    .set('b:1', metadata(2, 0, 'present'))
    .set('c:1', null);
  expect((await brokers.leaders.lookUp(AT.topic)).byMost).toBe(false);
});
