/** The command as an operator uses it: its output, its exit codes, and its end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { commandArguments, runCommand, runProgram, SCHEMAS_FOLDER } from '../../testkit/command.js';
import {
  createTopics,
  deploy,
  describeDeployment,
  registerSchemas,
  type Deployment,
} from '../../testkit/deployment.js';
import { KafkaOperator } from '../support/kafka-operator.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform, type Place } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { plainClient } from '../support/topics.js';

/** The time from SIGTERM to the end of the processor that the contract allows. */
const STOP_WITHIN_MS = 10_000;

const processors = new Processors();
afterEach(() => processors.endAll());

describe('words and settings', () => {
  test('--help explains every command, every setting, and a first run', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const command of ['run', 'topics create', 'schemas register', 'schemas check'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    for (const setting of SETTINGS) expect(stdout).toContain(setting);
    expect(await runCommand([])).toMatchObject({ exitCode: 0, stdout });
  });

  test('help of a command goes to standard output too, with exit code 0', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['help', 'explain']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(await runCommand(['explain', '-h'])).toMatchObject({ exitCode: 0, stdout });
  });

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(SCHEMAS_FOLDER, '..', 'package.json'), 'utf8')) as Versioned;
    for (const flag of ['--version', '-v'])
      expect(await runCommand([flag])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('all faults of a configuration are reported at once, before anything is changed', async () => {
    const faulty = { KAFKA_BROKERS: 'nowhere', HTTP_PORT: '99999', ALL_DATASETS_FROM: 'yesterday', LOG_LEVEL: 'loud' };
    const flags = ['--stalled-after', 'soon', '--no-such-flag=x'];
    const { exitCode, stdout, stderr } = await runCommand(['run', ...flags], faulty);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    for (const fault of [...Object.keys(faulty), 'stalled-after', 'no-such-flag'])
      expect(stderr).toMatch(new RegExp(`^company-sync run: .*${fault}`, 'm'));
    expect(stderr).toContain('run: company-sync run --help');
  });

  test.each([
    [['dance'], /"dance" is not a command.*topics create/],
    [['run', '--no-such-flag', 'its value'], /--no-such-flag is not a known flag/],
    [['topics', 'create', '--partitions', 'many'], /--partitions is "many": expected a whole number/],
    // No registry is there: the file is checked first.
    [['events', 'send', '--file', 'no-such-file'], /--file is "no-such-file": there is no such file/],
    [['companies', 'seed', '--file', '/'], /--file is "\/": expected a file, and this is a folder/],
  ])('%j is refused', async (words, fault) => {
    expect(await runCommand(words)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(fault) as string,
    });
  });
});

describe('topics and schemas', () => {
  test('`topics create` reports what it did, and what it found', async () => {
    const { environment, topics } = describeDeployment(currentCluster());
    const create = ['topics', 'create', '--partitions', '2'];
    const first = await runCommand(create, environment);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout.trim().split('\n').sort()).toEqual(
      Object.values(topics)
        .map((topic) => `${topic}: created, ${topic === topics.settings ? 1 : 2} partitions`)
        .sort(),
    );
    const second = await runCommand(create, environment);
    expect(second).toMatchObject({ exitCode: 0, stdout: first.stdout.replaceAll('created', 'existed') });
  });

  test('`run` refuses to start without its topics, naming all that are missing, and creates none', async () => {
    const deployment = describeDeployment(currentCluster());
    for (const start of ['first', 'second']) {
      const processor = processors.start(deployment);
      expect({ start, exitCode: await processor.exited }).toEqual({ start, exitCode: 1 });
      for (const topic of Object.values(deployment.topics))
        expect(processor.messages).toContain(`topic ${topic} does not exist`);
    }
  });

  test('`run` refuses a changelog that could lose state, and reports all its faults', async () => {
    const deployment = describeDeployment(currentCluster());
    const operator = new KafkaOperator(currentCluster(), deployment);
    await operator.createTopic(deployment.topics.state, 2, { 'cleanup.policy': 'delete' });
    await createTopics(deployment);
    const processor = processors.start(deployment);
    expect(await processor.exited).toBe(1);
    expect(processor.messages).toContain('has cleanup.policy=delete');
    expect(processor.messages).toContain(`has 2 partitions and input ${deployment.topics.events} has 3`);
  });

  test('an input that grows stops `run`, with both numbers, and `run` does not start again', async () => {
    const deployment = await deploy(currentCluster(), { partitions: 2 });
    const processor = await processors.startReady(deployment);
    const admin = plainClient(deployment.bootstrap).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic: deployment.topics.events, count: 4 }] });
    await admin.disconnect();
    expect(await processor.exited).toBe(1);
    expect(processor.messages).toContain(`input ${deployment.topics.events} has grown from 2 to 4 partitions`);

    const again = processors.start(deployment, { stateDir: processor.stateDir });
    expect(await again.exited).toBe(1);
    expect(again.messages).toContain(`has 2 partitions and input ${deployment.topics.events} has 4`);
  });

  test('`run` refuses to start if schemas are not registered, and says how to register them', async () => {
    const deployment = describeDeployment(currentCluster());
    await createTopics(deployment);
    const processor = processors.start(deployment);
    expect(await processor.exited).toBe(1);
    expect(processor.messages).toContain('company-sync schemas register');
    await registerSchemas(deployment);
    await processors.startReady(deployment);
  });
});

describe('one instance', () => {
  let deployment: Deployment;
  let platform: Platform;

  beforeAll(async () => {
    deployment = await deploy(currentCluster());
    platform = await Platform.connect(deployment);
  });
  afterAll(() => platform.close());

  test('a second process on one STATE_DIR is refused with exit code 2, and the first one continues', async () => {
    const first = await processors.startReady(deployment);
    const second = processors.start(deployment, { stateDir: first.stateDir });
    expect(await second.exited).toBe(2);
    expect(second.messages).toContain(first.stateDir);
    await consumed(deployment, await platform.send(platform.completeCompany('of the first')));
    await first.ready();
    expect(await first.stop()).toBe(0);
    const third = await processors.startReady(deployment, { stateDir: first.stateDir });
    expect(await third.stop()).toBe(0);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s during work ends it with 0, and nothing is lost', async (signal) => {
    const first = await processors.startReady(deployment);
    const companies = Array.from({ length: 300 }, (_, i) => `${signal}-${i}`);
    const places = await platform.send(companies.flatMap((company) => platform.completeCompany(company)));
    await endsInTime(first, signal);
    const second = await processors.startReady(deployment, { stateDir: first.stateDir });
    await consumed(deployment, places);
    const announced = (await announcedCompanies(deployment)).filter((company) => company.startsWith(signal));
    expect(announced).toEqual([...companies].sort());
    await second.stop();
  });
});

describe('SIGTERM while a broker does not answer', () => {
  test('ends an instance that waits for a missing broker', async () => {
    const settings = { KAFKA_BROKERS: '127.0.0.1:1' };
    const processor = processors.start(describeDeployment(currentCluster(), { settings }));
    await processor.address();
    await endsInTime(processor, 'SIGTERM');
  });

  test('ends an instance whose only broker freezes, and nothing is lost or announced twice', async () => {
    const cluster = await startOwnCluster({ registry: false });
    try {
      const [broker] = cluster.brokers;
      const addresses = { bootstrap: cluster.bootstrap, registryUrl: currentCluster().registryUrl };
      const deployment = await deploy(addresses, { partitions: 1, settings: { LOG_LEVEL: 'warn' } });
      const platform = await Platform.connect(deployment);
      const places: Place[] = [];
      for (let i = 0; i < BACKLOG; i += BACKLOG_PORTION) {
        const companies = Array.from({ length: BACKLOG_PORTION }, (_, n) => `company-${i + n}`);
        places.push(...(await platform.send(companies.flatMap((company) => platform.completeCompany(company)))));
      }
      await platform.close();
      const frozenUnder = processors.start(deployment);
      await consumed(deployment, places.slice(0, 1)); // and the rest is being processed now
      await broker?.pause();
      await endsInTime(frozenUnder, 'SIGTERM');
      await broker?.resume();

      processors.start(deployment, { stateDir: frozenUnder.stateDir });
      await consumed(deployment, places);
      const announced = await announcedCompanies(deployment);
      expect({ announced: announced.length, companies: new Set(announced).size }).toEqual({
        announced: BACKLOG,
        companies: BACKLOG,
      });
    } finally {
      await cluster.stop();
    }
  });
});

test.each(['run', 'doctor'])('%s warns of a release of Node with a known flaw', async (command) => {
  const pretend = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';
  const program = ['--import', `data:text/javascript,${pretend}`, ...commandArguments(command)];
  const nowhere = { KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1', HTTP_PORT: '0' };
  const settings = { ...nowhere, STATE_DIR: processors.newFolder() };
  const { stdout } = await runProgram(program, { settings, killAfterLines: 1 });
  expect(stdout).toContain('CVE-2026-21717');
});

/** Companies; several batches of the processor. */
const BACKLOG = 8_000;
const BACKLOG_PORTION = 2_000;

async function endsInTime(processor: Processor, signal: NodeJS.Signals): Promise<void> {
  const signalled = Date.now();
  processor.signal(signal);
  expect(await processor.exited).toBe(0);
  expect(Date.now() - signalled).toBeLessThan(STOP_WITHIN_MS);
}

interface Versioned {
  readonly version: string;
}

/** The topics of the contract. */
const SETTINGS = [
  ...['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'APPLICATION_ID', 'STATE_DIR', 'TOPIC_SYNC_EVENTS'],
  ...['TOPIC_COMPANY_SYNCHRONIZED', 'TOPIC_DEAD_LETTER', 'TOPIC_CLIENT_SETTINGS', 'TOPIC_COMPANY_SYNC_STALLED'],
  'TOPIC_COMPANY_SYNC_FAILED',
  ...['ALL_DATASETS_FROM', 'HTTP_HOST', 'HTTP_PORT', 'EVENT_NAMESPACE', 'NUM_STANDBY', 'STATE_RETENTION'],
  ...['STALLED_AFTER', 'HTTP_TOKEN', 'HTTP_TOKEN_FILE', 'LOG_LEVEL', 'KAFKA_SSL', 'KAFKA_SASL_MECHANISM'],
  ...['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD', 'SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD'],
];
