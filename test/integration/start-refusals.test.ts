/** The starts that `run` refuses, because they would later cause an announcement that is repeated, missing or wrong. */
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { pino } from 'pino';
import { createAssignor } from '../../src/kafka/group/assignor.js';
import { KafkaGroupMembership } from '../../src/kafka/group/group-membership.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { runCommand } from '../../testkit/command.js';
import { createTopics, deploy, registerSchemas, type Deployment } from '../../testkit/deployment.js';
import { MemoryOfTest, rememberedIn } from '../support/member-memory.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { createTopic, plainClient } from '../support/topics.js';

const cluster = currentCluster();
const processors = new Processors();
afterEach(() => processors.endAll());

/** The deployment with other settings. Its missing topics and schemas are created. */
async function as(deployment: Deployment, settings: Record<string, string>): Promise<Deployment> {
  const other = { ...deployment, environment: { ...deployment.environment, ...settings } };
  await Promise.all([createTopics(other), registerSchemas(other)]);
  return other;
}

async function refusal(processor: Processor): Promise<string> {
  expect(await processor.explained(processor.exited)).toBe(2);
  return processor.messages;
}

async function failuresOf(of: Deployment, stateDir: string): Promise<string[]> {
  const { stdout } = await runCommand(['doctor', '--json'], { ...of.environment, STATE_DIR: stateDir });
  const findings = JSON.parse(stdout) as { check: string; status: string; message: string }[];
  return findings.filter(({ status }) => status === 'failed').map(({ check, message }) => `${check}: ${message}`);
}

async function send(topic: string, value: string): Promise<void> {
  const producer = plainClient(cluster.bootstrap).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
}

async function announce(deployment: Deployment, companyId: string): Promise<void> {
  const platform = await Platform.connect(deployment);
  await consumed(deployment, await platform.send(platform.completeCompany(companyId)));
  await platform.close();
}

describe('a member of the group with other deciding settings', () => {
  test.each(['EVENT_NAMESPACE', 'ALL_DATASETS_FROM', 'TOPIC_SYNC_EVENTS', 'TOPIC_COMPANY_SYNCHRONIZED'])(
    '(%s) keeps a new instance from running, which reports both values and the address of the other',
    async (setting) => {
      const deployment = await deploy(cluster);
      const running = await processors.startReady(deployment);
      const value = setting === 'ALL_DATASETS_FROM' ? '2020-01-01T00:00:00.000Z' : `other-${randomUUID()}`;
      const other = await as(deployment, { [setting]: value });

      const message = await refusal(processors.start(other));
      expect(message).toContain(
        `must not run in group ${deployment.applicationId}: ${setting} is "${value}" here and "`,
      );
      expect(message).toContain(await running.address());
      await running.ready();
    },
  );

  test('of two that start together ends, and the other runs everything', async () => {
    const deployment = await deploy(cluster);
    const other = await as(deployment, { EVENT_NAMESPACE: 'another' });
    const both = [processors.start(deployment), processors.start(other)];
    const codes = both.map((processor) => processor.exited.then((code) => ({ processor, code })));
    const { processor: ended, code } = await Promise.race(codes);
    expect(code).toBe(2);
    expect(ended.messages).toMatch(/EVENT_NAMESPACE is ".*" here and ".*" on member/);
    const [left] = both.filter((processor) => processor !== ended);
    await left?.ready();
    expect((await (await left?.get('/partitions'))?.text()) ?? '').toContain('"partition":2');
  });

  test('that leads the group gives this one nothing, which then finds the reason and ends', async () => {
    const deployment = await deploy(cluster);
    const { applicationId: groupId, topics } = deployment;
    const settings = new Map([['EVENT_NAMESPACE', 'another']]);
    const info = {
      httpAddress: null,
      numStandby: 0,
      memberId: null,
      partitions: [],
      statePositions: new Map(),
      settings,
      changelogId: null,
    };
    const options = {
      topic: topics.events,
      describe: () => info,
      onRefused: () => undefined,
      onTooMany: () => undefined,
    };
    const logger = pino({ level: 'silent' });
    const kafka = kafkaConfigOf(
      { applicationId: groupId, kafka: { brokers: cluster.bootstrap.split(','), tls: null, sasl: null } },
      logger,
    );
    const leader = new KafkaGroupMembership({
      kafka,
      clock: systemClock,
      groupId,
      topic: topics.events,
      logger,
      // While it is alone it runs nothing, so others do not notice it before they join.
      assigner: (context) => ({
        ...createAssignor({ ...options, partitions: 0 })(context),
        assign: (group) =>
          createAssignor({ ...options, partitions: group.members.length === 1 ? 0 : 3 })(context).assign(group),
      }),
      remembered: rememberedIn(new MemoryOfTest(), kafka, groupId),
      onCrash: (error) => {
        throw error;
      },
    });
    try {
      const joined = new Promise<void>((resolve, reject) => {
        leader.start(() => resolve()).catch(reject);
      });
      await joined;
      const message = await refusal(processors.start(deployment));
      expect(message).toContain('partitions assigned');
      expect(message).toContain(`EVENT_NAMESPACE is "${groupId}" here and "another" on member ${leader.memberId}`);
    } finally {
      await leader.stop();
    }
  });

  test('that was killed a moment ago on the same STATE_DIR does not keep this one from starting', async () => {
    const deployment = await deploy(cluster);
    const killed = await processors.startReady(deployment);
    await killed.kill();
    const changed = { ALL_DATASETS_FROM: '2020-01-01T00:00:00Z', CONSENT: 'changed-settings' };
    await processors.startReady(await as(deployment, changed), { stateDir: killed.stateDir });
  });

  test('is not needed: no instance runs a state of other settings without consent', async () => {
    const deployment = await deploy(cluster);
    const former = await processors.startReady(deployment);
    await former.stop();
    const { stateDir } = former;
    const changed = { ALL_DATASETS_FROM: '2020-01-01T00:00:00Z' };
    expect(await refusal(processors.start(await as(deployment, changed), { stateDir }))).toMatch(
      /ALL_DATASETS_FROM is "2020-01-01T00:00:00.000Z" here and ".*" in the state.*CONSENT=changed-settings/,
    );
    const consented = await processors.startReady(await as(deployment, { ...changed, CONSENT: 'changed-settings' }), {
      stateDir,
    });
    await consented.stop();
    // The consent was recorded: no later start needs it.
    await processors.startReady(await as(deployment, changed), { stateDir });
  });

  test('is named by client id and host if it is another consumer', async () => {
    const deployment = await deploy(cluster);
    const topic = await createTopic(cluster.bootstrap);
    const client = new Kafka({
      clientId: 'a-dashboard',
      brokers: cluster.bootstrap.split(','),
      logLevel: logLevel.NOTHING,
    });
    const consumer = client.consumer({ groupId: deployment.applicationId });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: () => Promise.resolve() });
    await joined;
    try {
      expect(await refusal(processors.start(deployment))).toMatch(
        /it has a member that is not an instance of company-sync: .*client id a-dashboard, host \/.*\), which reads /,
      );
    } finally {
      await consumer.disconnect();
    }
  });

  test('is named, by run and by doctor, also if it uses the consumer protocol of KIP-848', async () => {
    const deployment = await deploy(cluster);
    const topic = await createTopic(cluster.bootstrap);
    const properties = ['--command-property', 'group.protocol=consumer', '--command-property', 'client.id=a-new-one'];
    // It ends after the first record, or if there is none for so long.
    const until = ['--from-beginning', '--max-messages', '1', '--timeout-ms', '75000'];
    const group = ['--topic', topic, '--group', deployment.applicationId, ...until];
    const consuming = cluster
      .kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [...group, ...properties])
      .catch((error: unknown) => error);
    const words = new RegExp(`not an instance of company-sync: .*client id a-new-one, host /.*which reads ${topic}`);
    let diagnosis = '';
    const named = async () => {
      diagnosis = (await runCommand(['doctor'], deployment.environment)).stdout;
      return words.test(diagnosis);
    };
    await pollUntil(named, { awaited: 'doctor names it', timeoutMs: 70_000 }).catch(async (error: unknown) => {
      throw new Error(`${diagnosis}\n${String(await consuming)}`, { cause: error });
    });
    expect(await refusal(processors.start(deployment))).toMatch(words);
    await send(topic, 'the first record');
    await consuming;
  }, 300_000);
});

test('a first start on a used outbound topic needs consent, once', async () => {
  const former = await deploy(cluster);
  await (await running(former, 'acme')).stop();
  const applicationId = `renamed-${randomUUID().slice(0, 8)}`;
  const renamed = { ...(await as(former, { APPLICATION_ID: applicationId })), applicationId };

  const message = await refusal(processors.start(renamed));
  expect(message).toContain(`application ${applicationId} has never run`);
  expect(message).toContain(`with other event ids (/${former.applicationId}/`);
  expect(message).toContain('company-sync run --consent used-outbound-topic');
  expect(await failuresOf(renamed, processors.newFolder())).toEqual([
    expect.stringMatching(/^deployment: application .* --consent used-outbound-topic$/),
  ]);

  const consented = await processors.startReady(renamed, { settings: { CONSENT: 'used-outbound-topic' } });
  await announce(renamed, 'globex');
  await consented.stop();
  const again = await processors.startReady(renamed, { stateDir: consented.stateDir });
  expect(await again.stop()).toBe(0);
});

async function running(deployment: Deployment, companyId: string): Promise<Processor> {
  const processor = await processors.startReady(deployment);
  await announce(deployment, companyId);
  return processor;
}

test('two instances that start together for the first time, with events to announce, both run', async () => {
  const deployment = await deploy(cluster);
  const platform = await Platform.connect(deployment);
  const companies = Array.from({ length: 20 }, (_, i) => `company-${i}`);
  const places = await platform.send(companies.flatMap((companyId) => platform.completeCompany(companyId)));
  const both = [processors.start(deployment), processors.start(deployment)];
  await consumed(deployment, places);
  for (const processor of both) await processor.ready();
  await platform.close();
  expect(await announcedCompanies(deployment)).toEqual([...companies].sort());
});

test('a STATE_DIR with state of another application is refused and not changed, and doctor reports the same', async () => {
  const former = await deploy(cluster);
  const first = await running(former, 'acme');
  await first.stop();
  const { stateDir } = first;
  const other = await deploy(cluster);

  const expected = `${stateDir} holds state of ${former.applicationId}, but APPLICATION_ID is ${other.environment['APPLICATION_ID']}`;
  expect(await refusal(processors.start(other, { stateDir }))).toContain(expected);
  expect(await failuresOf(other, stateDir)).toEqual([expect.stringContaining(`state folder: ${expected}`)]);
  expect(readdirSync(stateDir).filter((name) => name.includes('set-aside'))).toEqual([]);
  expect(await failuresOf(former, stateDir)).toEqual([]);
  await processors.startReady(former, { stateDir });
});

test('a deployment with the transactional ids of another one is refused, and doctor reports the same', async () => {
  const id = randomUUID().slice(0, 8);
  const names = (APPLICATION_ID: string, TOPIC_SYNC_EVENTS: string) => ({ APPLICATION_ID, TOPIC_SYNC_EVENTS });
  const first = await deploy(cluster, { settings: names(`bugs${id}`, `eu-bugsev${id}`) });
  const second = await deploy(cluster, { settings: names(`bugs${id}-eu`, `bugsev${id}`) });
  await processors.startReady(first);

  const expected =
    `application bugs${id}-eu with input bugsev${id} and application bugs${id} with input eu-bugsev${id} have the same ` +
    `transactional ids, bugs${id}-eu-bugsev${id}-<partition>: they would fence each other permanently`;
  expect(await refusal(processors.start(second))).toContain(expected);
  expect(await failuresOf(second, processors.newFolder())).toEqual([
    expect.stringContaining(`deployment: ${expected}`),
  ]);
});
