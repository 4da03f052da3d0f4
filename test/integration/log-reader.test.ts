import { randomInt, randomUUID } from 'node:crypto';
import { logLevel, type Producer } from 'kafkajs';
import { KafkaLogs, type KafkaLogsOptions } from '../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { LogRecord, TopicPartition } from '../../src/lib/record.js';
import { BrokerError, OffsetOutOfRangeError, ReaderClosedError } from '../../src/pipeline/errors.js';
import type { LogReader } from '../../src/pipeline/ports.js';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { createTopic, plainClient } from '../support/topics.js';

const { bootstrap } = currentCluster();
const client = plainClient(bootstrap);
const writer = client.producer();
const endings: (() => Promise<unknown>)[] = [];

beforeAll(() => writer.connect());
afterAll(() => writer.disconnect());
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function openLogs(options: Partial<KafkaLogsOptions> = {}): KafkaLogs {
  const config = { brokers: bootstrap.split(','), clientId: 'test', logLevel: logLevel.NOTHING };
  const logs = new KafkaLogs({
    config,
    groupId: randomUUID(),
    clock: systemClock,
    onTrouble: () => undefined,
    ...options,
  });
  endings.push(() => logs.close());
  return logs;
}

async function transactionalProducer(): Promise<Producer> {
  const producer = client.producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  endings.push(() => producer.disconnect());
  return producer;
}

/** All records from the reader's position to `end`. */
async function readTo(reader: LogReader, end: number, maxRecords = 1_000): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let position = -1; position < end;) {
    const batch = await reader.next(maxRecords);
    expect(batch.records.length).toBeLessThanOrEqual(maxRecords);
    expect(batch.nextOffset).toBeGreaterThan(position);
    records.push(...batch.records);
    position = batch.nextOffset;
  }
  return records;
}

async function fill(
  { topic, partition }: TopicPartition,
  count: number,
  value = (i: number) => `value ${i}`,
): Promise<void> {
  const messages = Array.from({ length: count }, (_, i) => ({
    key: String(i),
    value: value(i),
    partition,
  }));
  await writer.send({ topic, messages });
}

async function newPartition(config: Record<string, string> = {}): Promise<TopicPartition> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  return { topic: await createTopic(bootstrap, { configEntries }), partition: 0 };
}

const textOf = (records: readonly LogRecord[]): string[] => records.map(({ value }) => String(value));

test('a reader starts in the middle of a batch, and continues there after each limit', async () => {
  const partition = await newPartition();
  await fill(partition, 100);
  const reader = openLogs().reader(partition, 37);
  const first = await reader.next(10);
  expect(first.records.map(({ offset }) => offset)).toEqual([37, 38, 39, 40, 41, 42, 43, 44, 45, 46]);
  expect([first.nextOffset, first.endOffset]).toEqual([47, 100]);
  expect(textOf(await readTo(reader, 100, 7))).toEqual(Array.from({ length: 53 }, (_, i) => `value ${47 + i}`));
});

test('the size of a log is that of the file of its leader', async () => {
  const partition = await newPartition();
  const logs = openLogs();
  expect(await logs.bytesOf(partition)).toBe(0);
  await fill(partition, 100, () => 'v'.repeat(1_000));
  const bytes = await logs.bytesOf(partition);
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThan(120_000);
});

test('a waiting reader gets records that are written later', async () => {
  const partition = await newPartition();
  const reader = openLogs().reader(partition, 0);
  for (let i = 0; i < 5; i++) {
    const next = reader.next(10);
    await writer.send({ topic: partition.topic, messages: [{ value: `late ${i}` }] });
    const { records, nextOffset } = await next;
    expect([textOf(records), nextOffset]).toEqual([[`late ${i}`], i + 1]);
  }
});

test('nothing of an open transaction is read, and all of it once it is committed', async () => {
  const partition = await newPartition();
  const [producer, logs] = [await transactionalProducer(), openLogs()];
  const transaction = await producer.transaction();
  await transaction.send({ topic: partition.topic, messages: [{ value: 'in it' }] });
  await writer.send({ topic: partition.topic, messages: [{ value: 'after it' }] });
  expect(await logs.bounds(partition)).toMatchObject({ start: 0, end: 0, highWatermark: 2 });
  const next = logs.reader(partition, 0).next(10);
  await transaction.commit();
  expect(textOf((await next).records)).toEqual(['in it', 'after it']);
});

test('exactly the committed records of eight interleaving producers are read, from any offset', async () => {
  const partition = await newPartition();
  const committed = new Map<number, string>();
  const zeros = Buffer.alloc(4); // looks like the key of an abort marker
  const play = async (name: number): Promise<void> => {
    const producer = await transactionalProducer();
    for (let i = 0; i < 12; i++) {
      const transaction = await producer.transaction();
      const written: [offset: number, value: string][] = [];
      for (let j = randomInt(1, 4); j > 0; j--) {
        const value = `${name}/${i}/${j}`;
        const [sent] = await transaction.send({ topic: partition.topic, messages: [{ key: zeros, value }] });
        written.push([Number(sent?.baseOffset), value]);
      }
      if (randomInt(2) === 0) await transaction.abort();
      else {
        await transaction.commit();
        for (const [offset, value] of written) committed.set(offset, value);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, name) => play(name)));
  const [last] = await writer.send({ topic: partition.topic, messages: [{ value: 'last' }] });
  const lastOffset = Number(last?.baseOffset);
  committed.set(lastOffset, 'last');
  const logs = openLogs({ maxPartitionBytes: 2_000 });
  // A commit is answered before its markers are written. Until then, the last record cannot be read.
  let end = 0;
  const lastIsReadable = async () => (end = (await logs.bounds(partition)).end) > lastOffset;
  await pollUntil(lastIsReadable, { awaited: 'the last record can be read', timeoutMs: 10_000 });

  const expected = [...committed].sort(([a], [b]) => a - b);
  for (const from of [0, 1, randomInt(end), randomInt(end), end - 1]) {
    const reader = logs.reader(partition, from);
    const seen = (await readTo(reader, end, randomInt(1, 50))).map(({ offset, value }) => [offset, String(value)]);
    expect(seen).toEqual(expected.filter(([offset]) => offset >= from));
    reader.close();
  }
});

test('the position moves over an aborted transaction at the end of the log', async () => {
  const partition = await newPartition();
  const producer = await transactionalProducer();
  const transaction = await producer.transaction();
  await transaction.send({ topic: partition.topic, messages: [{ value: 'never' }] });
  await transaction.abort();
  const logs = openLogs();
  const next = logs.reader(partition, 0).next(10);
  expect(await next).toMatchObject({ records: [], nextOffset: 2, endOffset: 2 });
});

test('records larger than a whole fetch are read, and so are the records of other partitions', async () => {
  const topic = await createTopic(bootstrap, {
    numPartitions: 2,
    configEntries: [{ name: 'max.message.bytes', value: String(4 * 1024 * 1024) }],
  });
  const [huge, small] = [
    { topic, partition: 0 },
    { topic, partition: 1 },
  ];
  const value = 'x'.repeat(3 * 1024 * 1024);
  for (let i = 0; i < 4; i++) await writer.send({ topic, messages: [{ value, partition: 0 }] });
  for (let i = 0; i < 20; i++) await fill(small, 50, () => 'y'.repeat(1_000));
  const logs = openLogs({ maxPartitionBytes: 64 * 1024 });
  const [ofHuge, ofSmall] = await Promise.all([readTo(logs.reader(huge, 0), 4), readTo(logs.reader(small, 0), 1_000)]);
  expect(ofHuge.map((record) => record.value?.length)).toEqual(Array(4).fill(value.length));
  expect(ofSmall).toHaveLength(1_000);
});

test('a reader that nobody reads from does not delay others', async () => {
  const topic = await createTopic(bootstrap, { numPartitions: 2 });
  const [idle, busy] = [
    { topic, partition: 0 },
    { topic, partition: 1 },
  ];
  for (const partition of [idle, busy])
    for (let i = 0; i < 20; i++) await fill(partition, 200, () => 'z'.repeat(1_000));
  const logs = openLogs({ maxPartitionBytes: 200_000 });
  const slow = logs.reader(idle, 0);
  await slow.next(1);
  expect(await readTo(logs.reader(busy, 0), 4_000)).toHaveLength(4_000);
  expect(await readTo(slow, 4_000)).toHaveLength(3_999);
});

test('two readers of one partition both get all records', async () => {
  const partition = await newPartition();
  await fill(partition, 500);
  const logs = openLogs({ maxPartitionBytes: 1_000 });
  const [one, other] = await Promise.all([
    readTo(logs.reader(partition, 0), 500, 10),
    readTo(logs.reader(partition, 100), 500, 10),
  ]);
  expect([one.length, other.length]).toEqual([500, 400]);
});

test('a position after the end or before the start of the log is out of range', async () => {
  const partition = await newPartition();
  await fill(partition, 10);
  const admin = client.admin();
  await admin.connect();
  endings.push(() => admin.disconnect());
  await admin.fetchTopicOffsets(partition.topic); // so that kafkajs knows the leader
  await admin.deleteTopicRecords({ topic: partition.topic, partitions: [{ partition: 0, offset: '4' }] });
  const logs = openLogs();
  expect(await logs.bounds(partition)).toMatchObject({ start: 4, end: 10, highWatermark: 10 });
  for (const from of [3, 11]) {
    const reader = logs.reader(partition, from);
    await expect(reader.next(1)).rejects.toThrow(OffsetOutOfRangeError);
    await expect(reader.next(1)).rejects.toThrow(
      `offset ${from} of ${partition.topic}/0 is not in the log, which has 4 to 10`,
    );
  }
  expect(textOf((await logs.reader(partition, 4).next(1)).records)).toEqual(['value 4']);
});

test('closing ends a wait at once and permanently', async () => {
  const partition = await newPartition();
  const logs = openLogs();
  const [one, other] = [logs.reader(partition, 0), logs.reader(partition, 0)];
  const waiting = [one.next(1), other.next(1)];
  one.close();
  one.close();
  await expect(waiting[0]).rejects.toThrow(ReaderClosedError);
  await expect(one.next(1)).rejects.toThrow(ReaderClosedError);
  const ended = expect(waiting[1]).rejects.toThrow(ReaderClosedError);
  await logs.close();
  await ended;
  await expect(logs.reader(partition, 0).next(1)).rejects.toThrow(ReaderClosedError);
  await expect(logs.bounds(partition)).rejects.toThrow(BrokerError);
});

test('two callers cannot wait for one reader', async () => {
  const reader = openLogs().reader(await newPartition(), 0);
  const first = expect(reader.next(1)).rejects.toThrow(ReaderClosedError);
  await expect(reader.next(1)).rejects.toThrow('only one call of next() may be pending');
  reader.close();
  await first;
});

test('a topic that is created later is read, and the wait is reported', async () => {
  const topic = `test-${randomUUID()}`;
  const troubles: string[] = [];
  let noteTrouble = (): void => undefined;
  const trouble = new Promise<void>((resolve) => (noteTrouble = resolve));
  const onTrouble = (partition: TopicPartition, error: Error): void => {
    troubles.push(`${partition.topic}: ${error.message}`);
    noteTrouble();
  };
  const next = openLogs({ onTrouble }).reader({ topic, partition: 0 }, 0).next(1);
  await trouble;
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
  await writer.send({ topic, messages: [{ value: 'here' }] });
  expect(textOf((await next).records)).toEqual(['here']);
  expect(troubles[0]).toBe(`${topic}: topic ${topic} does not exist`);
});

test('a topic that stays missing, and a missing partition, end the reader', async () => {
  // An hour passes for each second.
  const started = Date.now();
  const clock = { ...systemClock, now: () => started + (Date.now() - started) * 3_600 };
  const logs = openLogs({ clock });
  await expect(logs.reader({ topic: `test-${randomUUID()}`, partition: 0 }, 0).next(1)).rejects.toThrow(BrokerError);
  const { topic } = await newPartition();
  await expect(logs.reader({ topic, partition: 9 }, 0).next(1)).rejects.toThrow(`partition ${topic}/9 does not exist`);
});

test('a reader ends if its topic was created again while it had buffered records and sent no fetch', async () => {
  const partition = await newPartition();
  const { topic } = partition;
  const logs = openLogs({ maxPartitionBytes: 1_000 });
  const long = (i: number): string => `value ${i} `.padEnd(100, '.');
  await fill(partition, 10, long);
  const reader = logs.reader(partition, 0);
  // The rest of the first fetch is sufficient: the next fetch is sent once this was read.
  expect((await reader.next(1)).nextOffset).toBe(1);
  const admin = client.admin();
  await admin.connect();
  endings.push(() => admin.disconnect());
  await admin.deleteTopics({ topics: [topic] });
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  const other = client.producer();
  await other.connect();
  endings.push(() => other.disconnect());
  const messages = Array.from({ length: 20 }, (_, i) => ({ value: `other ${i}` }));
  await other.send({ topic, messages });

  const seen: string[] = [];
  const readOn = async (): Promise<void> => {
    for (;;) seen.push(...textOf((await reader.next(100)).records));
  };
  await expect(readOn()).rejects.toThrow('was deleted and created again');
  expect(seen.filter((value) => value.startsWith('other'))).toEqual([]);
});

test('the committed offset is the group’s, and null if it has none', async () => {
  const partition = await newPartition();
  const groupId = `group-${randomUUID()}`;
  const logs = openLogs({ groupId });
  expect(await logs.committedOffset(partition)).toBeNull();
  const admin = client.admin();
  await admin.connect();
  endings.push(() => admin.disconnect());
  await admin.setOffsets({ groupId, topic: partition.topic, partitions: [{ partition: 0, offset: '42' }] });
  expect(await logs.committedOffset(partition)).toEqual({ offset: 42, leaderEpoch: -1 });
  expect(await logs.committedOffset({ ...partition, partition: 1 })).toBeNull();
});
