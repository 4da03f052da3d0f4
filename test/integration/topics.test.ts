import { randomUUID } from 'node:crypto';
import { logLevel, type ITopicConfig } from 'kafkajs';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import type { TopicNames } from '../../src/config.js';
import { USUAL_MAX_BATCH_BYTES } from '../../src/kafka/protocol/record-batch-decoder.js';
import {
  UnfitTopicsError,
  checkTopics,
  createTopics,
  type CheckedTopics,
  type CreateTopicsOptions,
  type TopicOutcome,
} from '../../src/kafka/topics/topics.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { StaleViewError } from '../../src/pipeline/errors.js';
import { currentCluster } from '../support/current-cluster.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { plainClient } from '../support/topics.js';

const { bootstrap } = currentCluster();
const config = { brokers: bootstrap.split(','), logLevel: logLevel.NOTHING };
const admin = plainClient(bootstrap).admin();
let names: TopicNames;
let logs: KafkaLogs;

beforeAll(() => admin.connect());
afterAll(() => admin.disconnect());
afterEach(() => logs.close());

beforeEach(() => {
  const id = randomUUID();
  names = {
    syncEvents: `events-${id}`,
    companySynchronized: `synchronized-${id}`,
    companyState: `app-${id}-company-state`,
    deadLetter: `dead-${id}`,
    clientSettings: `settings-${id}`,
    companySyncStalled: `stalled-${id}`,
    companySyncFailed: `failed-${id}`,
  };
  logs = new KafkaLogs({
    config,
    topics: names,
    groupId: 'topics-test',
    clock: systemClock,
    onTrouble: () => undefined,
  });
});

async function create(options: Omit<CreateTopicsOptions, 'names'> = {}): Promise<TopicOutcome[]> {
  const outcomes: TopicOutcome[] = [];
  for await (const outcome of createTopics(config, systemClock, { names, ...options })) outcomes.push(outcome);
  return outcomes;
}

function check(): Promise<CheckedTopics> {
  return checkTopics(config, systemClock, logs, { topics: names, maxBatchBytes: USUAL_MAX_BATCH_BYTES });
}

async function faults(): Promise<readonly string[]> {
  const error: unknown = await check().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof UnfitTopicsError) return error.faults;
  throw new Error('no fault was found', { cause: error });
}

async function createByHand(
  topic: string,
  numPartitions: number,
  settings: Record<string, string> = {},
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const wanted: ITopicConfig = { topic, numPartitions, configEntries };
  await admin.createTopics({ topics: [wanted], waitForLeaders: true });
}

async function settingsOf(topic: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] });
  return Object.fromEntries(
    resources.flatMap(({ configEntries }) => configEntries.map((e) => [e.configName, e.configValue])),
  );
}

test('the created topics are those of the contract, and `run` accepts them', async () => {
  const outcomes = await create({ partitions: 3 });
  expect(outcomes.map(({ outcome, partitions, differences }) => [outcome, partitions, differences.length])).toEqual([
    ['created', 3, 0],
    ['created', 3, 0],
    ['created', 3, 0],
    ['created', 3, 0],
    ['created', 1, 0],
    ['created', 3, 0],
    ['created', 3, 0],
  ]);
  const thirtyDays = String(30 * 86_400_000);
  const written = { 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'false' };
  expect(await settingsOf(names.syncEvents)).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': thirtyDays });
  for (const topic of [names.companySynchronized, names.companySyncStalled, names.companySyncFailed])
    expect(await settingsOf(topic)).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': thirtyDays,
      'max.message.bytes': String(8 * 1024 * 1024),
      ...written,
    });
  expect(await settingsOf(names.companyState)).toMatchObject({
    'cleanup.policy': 'compact',
    'segment.bytes': String(128 * 1024 * 1024),
    'delete.retention.ms': String(7 * 86_400_000),
    'max.compaction.lag.ms': String(7 * 86_400_000),
    'max.message.bytes': String(8 * 1024 * 1024),
    ...written,
  });
  const inputLimit = Number((await settingsOf(names.syncEvents))['max.message.bytes']);
  expect(await settingsOf(names.deadLetter)).toMatchObject({
    'cleanup.policy': 'delete',
    'retention.ms': thirtyDays,
    'max.message.bytes': String(inputLimit + 65_536),
    ...written,
  });
  expect(await settingsOf(names.clientSettings)).toMatchObject({ 'cleanup.policy': 'compact' });

  const checked = await check();
  expect(checked).toEqual({
    clusterId: (await admin.describeCluster()).clusterId,
    partitions: {
      syncEvents: 3,
      companySynchronized: 3,
      companyState: 3,
      deadLetter: 3,
      clientSettings: 1,
      companySyncStalled: 3,
      companySyncFailed: 3,
    },
    changelogDeleteRetentionMs: 7 * 86_400_000,
    deadLetterRetentionMs: 30 * 86_400_000,
    changelogTopicId: expect.any(String) as string,
    changelogIsEmpty: true,
    warnings: [],
  });
});

test('a second run finds all topics as planned', async () => {
  await create({ partitions: 2 });
  const again = await create({ partitions: 2 });
  expect(again.map(({ outcome }) => outcome)).toEqual(Array(7).fill('existed'));
  expect(again.flatMap(({ differences }) => differences)).toEqual([]);
});

test('an existing input decides partitions and limits of the other topics, and is not changed', async () => {
  await createByHand(names.syncEvents, 5, { 'max.message.bytes': '2000000', 'cleanup.policy': 'compact' });
  const outcomes = await create({ partitions: 2 });
  expect(outcomes[0]).toEqual({
    topic: names.syncEvents,
    outcome: 'existed',
    partitions: 5,
    differences: [
      { property: 'partitions', is: '5', planned: '2' },
      { property: 'cleanup.policy', is: 'compact', planned: 'delete' },
      { property: 'retention.ms', is: '604800000', planned: '2592000000' },
    ],
  });
  expect(outcomes.map(({ partitions }) => partitions)).toEqual([5, 2, 5, 5, 1, 2, 2]);
  expect(await settingsOf(names.deadLetter)).toMatchObject({ 'max.message.bytes': '2065536' });
  expect(await settingsOf(names.syncEvents)).toMatchObject({ 'cleanup.policy': 'compact' });
});

test('if the brokers refuse a topic, its name and the reason are reported', async () => {
  await expect(create({ replicationFactor: 9 })).rejects.toThrow(new RegExp(`${names.syncEvents}.*[Rr]eplication`));
});

test('all missing topics are named, and the check creates none', async () => {
  await createByHand(names.syncEvents, 1);
  await createByHand(names.clientSettings, 1);
  const missing = [
    ...[names.companySynchronized, names.companyState, names.deadLetter],
    ...[names.companySyncStalled, names.companySyncFailed],
  ];
  expect(await faults()).toEqual(
    missing.map((topic) => `topic ${topic} does not exist: create it with \`company-sync topics create\``),
  );
  expect(await faults()).toHaveLength(missing.length);
});

test('a changelog that could lose state is refused, with all its faults', async () => {
  await createByHand(names.companyState, 2, { 'cleanup.policy': 'compact,delete' });
  await create({ partitions: 3 });
  const producer = plainClient(bootstrap).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic: names.companyState, messages: [{ partition: 1, key: 'k', value: 'v' }] });
  await producer.disconnect();
  await admin.fetchTopicOffsets(names.companyState); // kafkajs deletes only where it has looked before
  await admin.deleteTopicRecords({ topic: names.companyState, partitions: [{ partition: 1, offset: '1' }] });
  expect(await faults()).toEqual([
    expect.stringMatching(/has cleanup\.policy=(compact,delete|delete,compact).*Set it to compact alone/),
    expect.stringContaining(`has 2 partitions and input ${names.syncEvents} has 3`),
    expect.stringContaining('partition 1, starts at offset 1'),
  ]);
});

test('a changelog is not judged while too few brokers answer', async () => {
  await create({ partitions: 1 });
  const few = {
    bounds: async (partition: TopicPartition) => ({ ...(await logs.bounds(partition)), start: 5, byMost: false }),
    reader: logs.reader.bind(logs),
  };
  await expect(
    checkTopics(config, systemClock, few, { topics: names, maxBatchBytes: USUAL_MAX_BATCH_BYTES }),
  ).rejects.toThrow(StaleViewError);
});

test('topics that would lose events or choices are refused, each with a remedy', async () => {
  await createByHand(names.syncEvents, 1, { 'cleanup.policy': 'compact' });
  await createByHand(names.companySynchronized, 1, { 'cleanup.policy': 'compact,delete' });
  await createByHand(names.deadLetter, 1, { 'cleanup.policy': 'compact' });
  await createByHand(names.clientSettings, 2, { 'cleanup.policy': 'delete' });
  await create({ partitions: 1 });
  expect(await faults()).toEqual([
    expect.stringContaining(`topic ${names.syncEvents} has cleanup.policy=compact`),
    expect.stringMatching(`topic ${names.companySynchronized} has cleanup.policy=(compact,delete|delete,compact)`),
    expect.stringContaining(`topic ${names.deadLetter} has cleanup.policy=compact`),
    expect.stringContaining(`topic ${names.clientSettings} has cleanup.policy=delete`),
    expect.stringContaining(`topic ${names.clientSettings} has 2 partitions`),
  ]);
});

test('a written topic that a broker which is behind could lead leads to a warning', async () => {
  await createByHand(names.companySynchronized, 1, {
    'unclean.leader.election.enable': 'true',
    'max.message.bytes': String(8 * 1024 * 1024),
  });
  await create({ partitions: 1 });
  expect((await check()).warnings).toEqual([
    expect.stringContaining(`topic ${names.companySynchronized} has unclean.leader.election.enable=true`),
  ]);
});

test('message limits that are too low lead only to a warning', async () => {
  await createByHand(names.syncEvents, 1, { 'max.message.bytes': '3000000' });
  await createByHand(names.deadLetter, 1, { 'max.message.bytes': '3000000' });
  await createByHand(names.companySynchronized, 1);
  await create({ partitions: 1 });
  const { warnings } = await check();
  expect(warnings).toEqual([
    expect.stringContaining(`topic ${names.companySynchronized} has max.message.bytes=1048588, less than 8388608`),
    expect.stringContaining(`topic ${names.deadLetter} has max.message.bytes=3000000, less than 3065536`),
  ]);
});

test("a setting that equals the brokers' default is not set: a create policy may refuse any value", async () => {
  await create({ partitions: 1 });
  const { resources } = await admin.describeConfigs({
    resources: [{ type: 2, name: names.companyState }],
    includeSynonyms: false,
  });
  const OF_THE_TOPIC = 1;
  const set = resources.flatMap(({ configEntries }) =>
    configEntries
      .filter(({ configSource }) => Number(configSource) === OF_THE_TOPIC)
      .map(({ configName }) => configName),
  );
  expect(set).toContain('cleanup.policy');
  expect(set).toContain('max.message.bytes');
  expect(set).not.toContain('unclean.leader.election.enable');
});

test("a refusal is reported with the broker's message", async () => {
  await expect(create({ partitions: 1, replicationFactor: 99 })).rejects.toThrow(
    new RegExp(`^topic ${names.syncEvents} cannot be created: .*99.*INVALID_REPLICATION_FACTOR`),
  );
});
