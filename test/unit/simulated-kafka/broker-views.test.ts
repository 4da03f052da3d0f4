import { KafkaLogs } from '../../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { startCluster, until, type RealTimeCluster } from '../../../testkit/simulated-kafka/real-time.js';

const log = { topic: 'letters', partition: 0 };
const SESSION_MS = 200;

let real: RealTimeCluster;
let logs: KafkaLogs;
beforeEach(() => {
  real = startCluster({ delays: { session: SESSION_MS } });
  real.cluster.createTopic('letters');
  logs = new KafkaLogs({ config: real.config, groupId: 'group', clock: systemClock, onTrouble: () => undefined });
});
afterEach(async () => {
  await logs.close();
  real.stop();
});

async function send(...values: string[]): Promise<void> {
  const producer = real.kafka.producer({ retry: { initialRetryTime: 20, retries: 20 } });
  await producer.connect();
  await producer.send({ topic: 'letters', messages: values.map((value) => ({ value })), timeout: 300 });
  await producer.disconnect();
}

function values(): string[] {
  return real.cluster.read('letters', 0, 'read_committed').map(({ value }) => String(value));
}

function leader(): number {
  return real.cluster.partition('letters', 0).leader;
}

test('an unclean election loses the tail, and the leader says where the former epoch ended', async () => {
  await send('a', 'b');
  await send('c');
  const before = await logs.bounds(log);
  expect(before).toMatchObject({ start: 0, end: 3, leaderEpoch: 0, byMost: true });
  const { inSync } = real.cluster.partition('letters', 0);
  real.cluster.electUnclean(
    'letters',
    0,
    inSync.find((id) => id !== leader())!,
    2,
  );
  await until('the brokers know the new leader', async () => (await logs.bounds(log)).leaderEpoch === 1);
  expect(await logs.endOfEpoch(log, 0)).toBe(2);
  expect(values()).toEqual(['a', 'b']);
  await send('d');
  expect(values()).toEqual(['a', 'b', 'd']);
});

test('a leader that is cut off commits nothing, and another one takes over', async () => {
  await send('a');
  const former = leader();
  real.cluster.cutOff(former);
  expect(leader()).toBe(former);
  await until('another broker leads', () => leader() !== former);
  await send('b');
  expect(values()).toEqual(['a', 'b']);
  expect(real.cluster.partition('letters', 0).inSync).not.toContain(former);
  real.cluster.reconnect(former);
  await until('the former leader is in sync', () => real.cluster.partition('letters', 0).inSync.includes(former));
});

test('a broker that is killed comes back with its log, and follows', async () => {
  await send('a');
  const former = leader();
  real.cluster.killBroker(former);
  await send('b');
  expect(leader()).not.toBe(former);
  real.cluster.startBroker(former);
  await until('the broker is in sync again', () => real.cluster.partition('letters', 0).inSync.includes(former));
  real.cluster.moveLeader('letters', 0, former);
  await send('c');
  // The producer is not idempotent: after the move it may send the record again.
  expect([...new Set(values())]).toEqual(['a', 'b', 'c']);
});

test('a follower that was cut off for a moment gets what was appended meanwhile', async () => {
  real.stop();
  real = startCluster();
  real.cluster.createTopic('letters');
  await until('the leader knows the topic', () => real.cluster.ends('letters', 0) !== null);
  const follower = real.cluster.partition('letters', 0).inSync.find((id) => id !== leader())!;
  real.cluster.cutOff(follower);
  expect(real.cluster.append('letters', 0, { key: null, value: Buffer.from('a'), headers: [] }, Date.now())).toBe(0);
  await new Promise((resolve) => void real.time.after(50, () => resolve(null)));
  expect(real.cluster.ends('letters', 0)).toMatchObject({ end: 1, highWatermark: 0 });
  real.cluster.reconnect(follower);
  await until('the record is committed', () => real.cluster.ends('letters', 0)?.highWatermark === 1);
});
