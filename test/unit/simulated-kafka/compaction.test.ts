import { SimulatedCluster } from '../../../testkit/simulated-kafka/index.js';
import { compact } from '../../../testkit/simulated-kafka/operations/compaction.js';
import { recreateTopic } from '../../../testkit/simulated-kafka/operations/topics.js';
import { endHanging } from '../../../testkit/simulated-kafka/operations/transactions.js';
import { SeededRandom } from '../../../testkit/seeded-random.js';
import { SimulatedTime } from '../../../testkit/simulation/time.js';

const DAY_MS = 86_400_000;

let time: SimulatedTime;
let cluster: SimulatedCluster;
beforeEach(() => {
  time = new SimulatedTime(DAY_MS);
  const random = new SeededRandom(1);
  cluster = new SimulatedCluster({ time, random: () => random.next(), brokers: 3, replication: 3 });
  cluster.createTopic('rows', { settings: new Map([['delete.retention.ms', String(DAY_MS)]]) });
});

async function pass(ms: number): Promise<void> {
  let isOver = false;
  time.after(ms, () => (isOver = true));
  await time.run(() => isOver, 100_000);
}

async function write(key: string, value: string | null): Promise<void> {
  await pass(100);
  const record = { key: Buffer.from(key), value: value === null ? null : Buffer.from(value), headers: [] };
  if (cluster.append('rows', 0, record, time.now()) === null) throw new Error('not written');
  await pass(100);
}

/** `offset key=value` of each record. */
function rows(isolation: 'read_committed' | 'read_uncommitted' = 'read_committed'): string[] {
  return cluster
    .read('rows', 0, isolation)
    .map(({ offset, key, value }) => `${offset} ${String(key)}=${value === null ? '' : String(value)}`);
}

test('the last record of each key stays, at its offset', async () => {
  for (const [key, value] of ['a1', 'b1', 'a2', 'c1'].map((text) => [...text])) await write(key!, value!);
  compact(cluster.world, 'rows', 0);
  expect(rows()).toEqual(['1 b=1', '2 a=2', '3 c=1']);
  expect(cluster.ends('rows', 0)?.end).toBe(4);
});

test('a tombstone stays for delete.retention.ms', async () => {
  await write('a', '1');
  await write('a', null);
  await write('b', '1');
  compact(cluster.world, 'rows', 0);
  expect(rows()).toEqual(['1 a=', '2 b=1']);
  await pass(DAY_MS + 1_000);
  compact(cluster.world, 'rows', 0);
  expect(rows()).toEqual(['2 b=1']);
});

test('nothing from an open transaction on is compacted; its end frees the rest', async () => {
  await write('a', '1');
  cluster.appendHanging('rows', 0, { key: Buffer.from('a'), value: Buffer.from('open'), headers: [] }, time.now());
  await write('a', '2');
  compact(cluster.world, 'rows', 0);
  expect(rows('read_uncommitted')).toEqual(['0 a=1', '1 a=open', '2 a=2']);
  expect(rows()).toEqual(['0 a=1']);
  expect(endHanging(cluster.world, 'rows', 0, false)).toBe(true);
  await write('b', '1');
  compact(cluster.world, 'rows', 0);
  expect(rows()).toEqual(['2 a=2', '4 b=1']);
});

test('an aborted record replaces nothing, also if the abort is the last of the log', async () => {
  await write('a', '1');
  cluster.appendHanging('rows', 0, { key: Buffer.from('a'), value: Buffer.from('open'), headers: [] }, time.now());
  expect(endHanging(cluster.world, 'rows', 0, false)).toBe(true);
  compact(cluster.world, 'rows', 0);
  expect(rows()).toEqual(['0 a=1']);
});

test('a topic that is created again has another id and no records', async () => {
  await write('a', '1');
  const id = cluster.world.controller.image.topics.get('rows')?.topicId;
  recreateTopic(cluster.world, 'rows');
  await pass(1_000);
  expect(rows()).toEqual([]);
  expect(cluster.world.controller.image.topics.get('rows')?.topicId).not.toBe(id);
});
