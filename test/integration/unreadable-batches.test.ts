/** Batches that decompress to too many bytes, and records that came compressed, on a real broker. */
import { randomBytes } from 'node:crypto';
import { CompressionTypes, type Producer } from 'kafkajs';
import { currentCluster } from '../support/current-cluster.js';
import { runCommand } from '../../testkit/command.js';
import {
  createTopics,
  deploy,
  describeDeployment,
  registerSchemas,
  type Deployment,
} from '../../testkit/deployment.js';
import { announcedCompanies, committedRecords, consumed, deadLetterCodes } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { plainClient } from '../support/topics.js';

const MAX_BATCH_BYTES = 65_536;

const processors = new Processors();
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await processors.endAll();
  for (const end of endings.splice(0)) await end();
});

async function platformOf(deployment: Deployment): Promise<Platform> {
  const platform = await Platform.connect(deployment);
  endings.push(() => platform.close());
  return platform;
}

async function sendCompressed({ bootstrap, topics }: Deployment, value: Buffer): Promise<void> {
  const producer: Producer = plainClient(bootstrap).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  endings.push(() => producer.disconnect());
  const messages = [{ key: 'spoilt', value, partition: 0 }];
  await producer.send({ topic: topics.events, messages, compression: CompressionTypes.GZIP });
}

/** One batch of two records, one of too many bytes, one of two records in partition 0; and a company in partition 1. */
async function setStage() {
  const deployment = await deploy(currentCluster(), { partitions: 2 });
  const platform = await platformOf(deployment);
  await platform.send(platform.completeCompany('before', { partition: 0 }));
  await sendCompressed(deployment, Buffer.alloc(2 * MAX_BATCH_BYTES, 1));
  const after = await platform.send([
    ...platform.completeCompany('after', { partition: 0 }),
    ...platform.completeCompany('elsewhere', { partition: 1 }),
  ]);
  const settings = { MAX_BATCH_BYTES: String(MAX_BATCH_BYTES) };
  const processor = processors.start(deployment, { settings });
  const { reason } = await processor.partitionIs(0, 'blocked');
  await consumed(deployment, after.slice(2));
  expect(await announcedCompanies(deployment)).toEqual(['before', 'elsewhere']);
  return { deployment, after, settings, processor, reason };
}

test('a batch that is too large stops only its partition, after the records before it, and can be skipped', async () => {
  const { deployment, after, settings, processor, reason } = await setStage();
  expect(reason).toMatch(
    /at offsets 2 to 2 cannot be read: its \d+ bytes of gzip hold more than MAX_BATCH_BYTES, which is 65536/,
  );
  expect(reason).toMatch(
    /`company-sync positions set --partition 0 --to after-batch`, with the settings of this instance, which sets the group's offset to 3/,
  );
  expect(await processor.stop()).toBe(0);

  const environment = { ...deployment.environment, ...settings };
  const shown = await runCommand(['positions', 'show'], environment);
  expect(shown.stdout).toContain('partition 0: batch unreadable: state 2');
  const set = await runCommand(['positions', 'set', '--partition', '0', '--to', 'after-batch', '--yes'], environment);
  expect(set).toMatchObject({ exitCode: 0 });
  expect(set.stdout).toContain("sets the group's offset, which is 2, to 3");
  await processors.startReady(deployment, { settings, stateDir: processor.stateDir });
  await consumed(deployment, after);
  expect(await announcedCompanies(deployment)).toEqual(['after', 'before', 'elsewhere']);
});

/** With this MAX_BATCH_BYTES, 8, 16 and 4 MiB of an answer are read at most. */
const UNFETCHED_BYTES = 29 * 1024 * 1024;

test('a batch that is too large to be fetched can be skipped', async () => {
  const deployment = describeDeployment(currentCluster(), { partitions: 1 });
  const admin = plainClient(deployment.bootstrap).admin();
  await admin.connect();
  endings.push(() => admin.disconnect());
  const configEntries = [{ name: 'max.message.bytes', value: String(2 * UNFETCHED_BYTES) }];
  await admin.createTopics({
    topics: [{ topic: deployment.topics.events, numPartitions: 1, configEntries }],
    waitForLeaders: true,
  });
  await Promise.all([createTopics(deployment), registerSchemas(deployment)]);
  const platform = await platformOf(deployment);
  await platform.send(platform.completeCompany('before'));
  const half = { key: 'spoilt', value: Buffer.alloc(UNFETCHED_BYTES / 2), partition: 0 };
  await platform.send([half, half]);
  const after = await platform.send(platform.completeCompany('after'));
  const settings = { MAX_BATCH_BYTES: String(MAX_BATCH_BYTES) };
  const processor = processors.start(deployment, { settings });
  const { reason } = await processor.partitionIs(0, 'blocked');
  expect(reason).toMatch(
    /at offsets 2 to 3 cannot be read: it has 304\d{5} bytes, and a fetched batch may have 16777216/,
  );
  expect(reason).toMatch(/restart the instances with MAX_BATCH_BYTES=243\d{6}.*--to after-batch.* group's offset to 4/);
  expect(await processor.stop()).toBe(0);

  const environment = { ...deployment.environment, ...settings };
  const set = await runCommand(['positions', 'set', '--partition', '0', '--to', 'after-batch', '--yes'], environment);
  expect(set).toMatchObject({ exitCode: 0 });
  await processors.startReady(deployment, { settings, stateDir: processor.stateDir });
  await consumed(deployment, after);
  expect(await announcedCompanies(deployment)).toEqual(['after', 'before']);
});

test('a batch that was too large is read after the limit is raised', async () => {
  const { deployment, after, processor } = await setStage();
  expect(await processor.stop()).toBe(0);
  await processors.startReady(deployment, { stateDir: processor.stateDir });
  await consumed(deployment, after);
  expect(await announcedCompanies(deployment)).toEqual(['after', 'before', 'elsewhere']);
  expect(await deadLetterCodes(deployment)).toEqual(['0/2 bad-framing']);
});

test('a bad record of 3 MB that came compressed goes out as a dead letter, byte for byte', async () => {
  const deployment = await deploy(currentCluster(), { partitions: 1 });
  const platform = await platformOf(deployment);
  const lines = Array.from(
    { length: 40_000 },
    (_, i) => `at com.acme.sync.Step${i % 97}.run(Step.java:${(i * 7919) % 1000})`,
  );
  const value = Buffer.from(lines.join('\n'));
  await sendCompressed(deployment, value);
  const after = await platform.send(platform.completeCompany('after'));
  await processors.startReady(deployment);
  await consumed(deployment, after);
  const [letter] = await committedRecords(deployment, deployment.topics.deadLetters);
  expect(letter?.value?.equals(value)).toBe(true);
});

test('a bad record that does not fit even compressed stops only its partition, until the limit is raised', async () => {
  const deployment = describeDeployment(currentCluster(), { partitions: 2 });
  const topic = deployment.topics.deadLetters;
  const admin = plainClient(deployment.bootstrap).admin();
  await admin.connect();
  endings.push(() => admin.disconnect());
  const limited = (value: string) => [{ name: 'max.message.bytes', value }];
  await admin.createTopics({
    topics: [{ topic, numPartitions: 2, configEntries: limited('20000') }],
    waitForLeaders: true,
  });
  await Promise.all([createTopics(deployment), registerSchemas(deployment)]);
  const platform = await platformOf(deployment);
  const value = randomBytes(50_000);
  const instance = await processors.startReady(deployment);
  const places = await platform.send([
    { key: 'spoilt', value, partition: 0 },
    ...platform.completeCompany('after', { partition: 0 }),
    ...platform.completeCompany('elsewhere', { partition: 1 }),
  ]);
  const { reason } = await instance.partitionIs(0, 'blocked');
  expect(reason).toMatch(new RegExp(`50\\d{3} bytes does not fit topic ${topic}: raise its max\\.message\\.bytes`));
  await consumed(deployment, places.slice(3));
  expect(await announcedCompanies(deployment)).toEqual(['elsewhere']);

  const resources = [{ type: 2, name: topic, configEntries: limited('1000000') }];
  await admin.alterConfigs({ validateOnly: false, resources });
  await consumed(deployment, places);
  expect(await announcedCompanies(deployment)).toEqual(['after', 'elsewhere']);
});
