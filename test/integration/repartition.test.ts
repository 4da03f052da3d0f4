/** The input gets more partitions: 2 become 5, so companies also move between the old partitions. */
import { randomUUID } from 'node:crypto';
import { currentCluster } from '../support/current-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform, type Place } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { plainClient } from '../support/topics.js';

const FROM = 2;
const TO = 5;
const COMPANIES = Array.from({ length: 30 }, (_, i) => `company-${i}`);
/** More kills than the command has steps, with one step for each partition. */
const MAX_RUNS = 30;

const processors = new Processors();
const platforms: Platform[] = [];
afterEach(async () => {
  await processors.endAll();
  await Promise.all(platforms.splice(0).map((platform) => platform.close()));
});

async function connect(deployment: Deployment): Promise<Platform> {
  const platform = await Platform.connect(deployment);
  platforms.push(platform);
  return platform;
}

const repartition = (deployment: Deployment, killAfterLines?: number) =>
  runCommand(['repartition', '--partitions', String(TO)], deployment.environment, killAfterLines);

/**
 * Writes companies: the first third is announced, the second third is half complete, and one company is held by a bad
 * record.
 */
async function playFirstHalf(deployment: Deployment): Promise<{ badRecord: Place; stateDir: string }> {
  const platform = await connect(deployment);
  await platform.choose('client-1', 'ALL_DATASETS');
  const processor = await processors.startReady(deployment);
  const places = await platform.send(
    COMPANIES.flatMap((company, i) => [
      platform.manifest(company, { datasets: [`${company} a`, `${company} b`] }),
      ...(i % 3 <= 1 ? [platform.status(company, `${company} a`, 'Complete')] : []),
      ...(i % 3 === 0 ? [platform.status(company, `${company} b`, 'MapError')] : []),
    ]),
  );
  const [badRecord] = (await platform.send([{ key: 'company-1', value: Buffer.of(7) }])) as [Place];
  await consumed(deployment, [...places, badRecord]);
  expect(await processor.stop()).toBe(0);
  return { badRecord, stateDir: processor.stateDir };
}

/** Completes every company, and repairs the bad record by its former name. */
async function playSecondHalf(before: Deployment, badRecord: Place, stateDir: string): Promise<void> {
  const deployment = { ...before, partitions: TO };
  const platform = await connect(deployment);
  const processor = await processors.startReady(deployment, { stateDir });
  const finishing = COMPANIES.flatMap((company) => [
    platform.status(company, `${company} a`, 'Complete'),
    platform.status(company, `${company} b`, 'MapError'),
  ]);
  await consumed(deployment, await platform.send(finishing));
  expect(await announcedCompanies(deployment)).toEqual(COMPANIES.filter((c) => c !== 'company-1').sort());
  const headers = { repairs: `${badRecord.partition}/${badRecord.offset}` };
  await consumed(
    deployment,
    await platform.send([platform.status('company-1', 'company-1 a', 'Complete', {}, { headers })]),
  );
  expect(await announcedCompanies(deployment)).toEqual([...COMPANIES].sort());
  expect(processor.log.filter(({ msg }) => msg.includes('set aside'))).toEqual([]);
}

async function partitionsOf({ bootstrap }: Deployment, topic: string): Promise<number> {
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length ?? 0;
  } finally {
    await admin.disconnect();
  }
}

test('killed after each of its steps and run again, it moves every company with its state, and each is announced once', async () => {
  const deployment = await deploy(currentCluster(), { partitions: FROM });
  const { badRecord, stateDir } = await playFirstHalf(deployment);
  const ends: (number | null)[] = [];
  let said = '';
  let lookedIn = false;
  while (ends.at(-1) !== 0 && ends.length < MAX_RUNS) {
    // The survey, and one more step. A step is done when its line is printed.
    const killAfterLines = said.includes('checked: ') ? Infinity : 2;
    const { exitCode, stdout, stderr } = await repartition(deployment, killAfterLines);
    expect(stderr).toBe('');
    ends.push(exitCode);
    said += stdout;
    // A kill may come between a step and its line.
    if (lookedIn || exitCode === 0 || (await partitionsOf(deployment, deployment.topics.state)) !== TO) continue;
    lookedIn = true;
    const early = processors.start(deployment, { stateDir });
    expect((await early.partitionIs(0, 'blocked')).reason).toContain('company-sync repartition');
    expect((await early.partitionIs(TO - 1, 'blocked')).reason).toContain(`from ${FROM} to ${TO} partitions`);
    expect(await early.stop()).toBe(0);
  }
  expect(ends.filter((end) => end === null).length).toBeGreaterThan(TO);
  expect(ends.at(-1)).toBe(0);
  expect(lookedIn).toBe(true);
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('nothing to do') as string,
  });
  await playSecondHalf(deployment, badRecord, stateDir);
});

test('it refuses, and changes nothing, while an instance runs, while records are not consumed, or with another partitioner', async () => {
  const deployment = await deploy(currentCluster(), { partitions: FROM });
  const platform = await connect(deployment);
  const processor = await processors.startReady(deployment);
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('stop all') as string,
  });
  expect(await processor.stop()).toBe(0);

  const records = platform.completeCompany('company').map((record) => ({ ...record, partition: 0 }));
  const elsewhere = platform.completeCompany('company').map((record) => ({ ...record, partition: 1 }));
  const places = await platform.send([...records, ...elsewhere]);
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('is consumed up to') as string,
  });

  const again = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await consumed(deployment, places);
  expect(await again.stop()).toBe(0);
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('default partitioner') as string,
  });

  // As if the brokers had left an announcement open, and nothing else.
  const ourId = `${deployment.applicationId}-${deployment.topics.events}-1`;
  const ours = plainClient(deployment.bootstrap).producer({ transactionalId: ourId, idempotent: true });
  await ours.connect();
  const announcing = await ours.transaction();
  await announcing.send({ topic: deployment.topics.synchronized, messages: [{ partition: 1, key: 'k', value: 'v' }] });
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(`${deployment.topics.synchronized}/1 has a transaction open from offset`) as string,
  });
  await announcing.abort(); // Fails if the command had fenced.
  await ours.disconnect();

  const transactional = plainClient(deployment.bootstrap).producer({ transactionalId: randomUUID(), idempotent: true });
  await transactional.connect();
  const transaction = await transactional.transaction();
  await transaction.send({ topic: deployment.topics.events, messages: [{ partition: 0, key: 'k', value: 'v' }] });
  await transaction.send({ topic: deployment.topics.synchronized, messages: [{ partition: 0, key: 'k', value: 'v' }] });
  expect(await repartition(deployment)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(`${deployment.topics.events}/0 has a transaction open from offset`) as string,
  });
  await transaction.abort();
  await transactional.disconnect();

  const admin = plainClient(deployment.bootstrap).admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [deployment.topics.events, deployment.topics.state] });
  await admin.disconnect();
  expect(topics.map(({ partitions }) => partitions.length)).toEqual([FROM, FROM]);
  await processors.startReady(deployment, { stateDir: processor.stateDir });
});
