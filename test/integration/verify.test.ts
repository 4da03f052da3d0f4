/** `company-sync verify` on a real broker: a real processor's topics are right; faults that are planted there are found. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Producer } from 'kafkajs';
import type { VerifyReport } from '../../src/verify/report.js';
import type { TopicRecord } from '../../testkit/audit/topic-record.js';
import { spawnWithParent } from '../../testkit/cluster/end-with-parent.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { commandArguments, environmentOf, runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { Processors } from '../../testkit/processor.js';
import { currentCluster } from '../support/current-cluster.js';
import { KafkaOperator } from '../support/kafka-operator.js';
import { announcements, committedRecords, consumed } from '../support/outbound.js';
import { Platform, type PlatformRecord } from '../support/platform.js';
import { plainClient } from '../support/topics.js';

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let producer: Producer;
let scratch: string;

beforeAll(async () => {
  deployment = await deploy(currentCluster());
  scratch = await mkdtemp(join(tmpdir(), 'verify-test-'));
  platform = await Platform.connect(deployment);
  producer = plainClient(deployment.bootstrap).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await platform.choose('chooser', 'ALL_DATASETS');
  await processors.startReady(deployment);
});

afterAll(async () => {
  await Promise.all([platform.close(), producer.disconnect()]);
  await processors.endAll();
  await rm(scratch, { recursive: true });
});

async function verified(...flags: readonly string[]): Promise<{ exitCode: number | null; report: VerifyReport }> {
  const words = ['verify', '--json', `--scratch=${scratch}`, ...flags];
  const { exitCode, stdout, stderr } = await runCommand(words, deployment.environment);
  expect(await readdir(scratch)).toEqual([]);
  if (!stdout.startsWith('{')) throw new Error(stderr);
  return { exitCode, report: JSON.parse(stdout) as VerifyReport };
}

/** Companies in every situation that a small history can have. */
function companies(): PlatformRecord[] {
  const early = { timestamp: deployment.allDatasetsFrom - 60_000 };
  const { eventSchemaId } = platform;
  return [
    ...Array.from({ length: 20 }, (_, i) => platform.completeCompany(`complete-${i}`)).flat(),
    ...platform.completeCompany('first-dataset', early),
    platform.manifest('open', { datasets: ['a', 'b'] }),
    platform.status('open', 'a', 'Complete'),
    platform.manifest('failed', { datasets: ['a'] }),
    platform.status('failed', 'a', 'AuthError'),
    ...platform.completeCompany('deleted').slice(0, 1),
    platform.deletion('deleted'),
    platform.manifest('unlinked', { datasets: ['a', 'b'] }),
    platform.status('unlinked', 'a', 'Complete'),
    platform.unlink('unlinked'),
    { key: 'held', value: Buffer.from('nonsense') },
    ...platform.completeCompany('held'),
    { key: null, value: Buffer.of(0, 0, 0, 0, eventSchemaId) },
    { key: 'undecodable', value: Buffer.of(0, 0, 0, 0, eventSchemaId, 9) },
    platform.manifest('chosen', { datasets: ['a', 'b'] }, { clientId: 'chooser', ...early }),
    platform.status('chosen', 'a', 'Complete', {}, { clientId: 'chooser', ...early }),
  ];
}

/** A status that would complete the company `open`, in a transaction that is aborted. */
async function abortedStatus(): Promise<void> {
  const transactional = plainClient(deployment.bootstrap).producer({
    transactionalId: `platform-of-${deployment.applicationId}`,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await transactional.connect();
  const transaction = await transactional.transaction();
  const { key, value } = platform.status('open', 'b', 'Complete');
  await transaction.send({ topic: deployment.topics.events, messages: [{ key, value }] });
  await transaction.abort();
  await transactional.disconnect();
}

function messageOf({ key, value, headers, partition }: TopicRecord) {
  return { key, value, partition, headers: Object.fromEntries(headers) as never };
}

test("a real processor's topics are right", async () => {
  await platform.send(companies());
  await abortedStatus();
  await consumed(
    deployment,
    await platform.send(Array.from({ length: 9 }, (_, i) => platform.completeCompany(`last-${i}`)).flat()),
  );
  const { exitCode, report } = await verified();
  expect(report.findings).toEqual([]);
  expect(report.fates).toMatchObject({ announced: 31, held: 2, deleted: 1, 'nothing-complete': 1, open: 2 });
  expect(report.deadLetters).toBe(3);
  expect(exitCode).toBe(0);
});

test('a second announcement and a second dead letter are found', async () => {
  const [announced] = (await announcements(deployment)).filter(({ event }) => event.companyId === 'complete-7');
  const [letter] = (await committedRecords(deployment, deployment.topics.deadLetters)).filter(
    ({ key }) => key?.toString() === 'held',
  );
  await producer.send({
    topic: deployment.topics.synchronized,
    messages: [messageOf((announced as NonNullable<typeof announced>).record)],
  });
  await producer.send({ topic: deployment.topics.deadLetters, messages: [messageOf(letter as TopicRecord)] });
  const { exitCode, report } = await verified();
  expect(exitCode).toBe(1);
  expect(report.anomalies).toBe(2);
  expect(report.findings.map(({ kind, companyId }) => `${kind} ${companyId}`).sort()).toEqual([
    'dead-letter-duplicate held',
    'duplicate complete-7',
  ]);
  const one = await runCommand(['verify', '--company', 'complete-7'], deployment.environment);
  expect(one.exitCode).toBe(1);
  expect(one.stdout).toContain('it was announced 2 times');
  expect(one.stdout).toContain('final manifest of link link-1');
  expect((await verified('--company', 'complete-8')).exitCode).toBe(0);
});

test('what retention has removed is not judged, and is said', async () => {
  const { report: before } = await verified();
  const { to } = before.partitions.find(({ partition }) => partition === 0) as { to: number };
  const operator = new KafkaOperator(currentCluster(), deployment);
  await operator.deleteRecords(deployment.topics.events, 0, to - 3);
  const { exitCode, report } = await verified('--partition', '0');
  expect(exitCode).toBe(3);
  expect(report.findings).toEqual([]);
  expect(report.partitions).toMatchObject([{ from: to - 3, to }]);
  expect(report.fates['input-gone'] ?? 0).toBeGreaterThan(0);
});

test('a verification that is stopped removes its temporary files', async () => {
  // The registry accepts connections and never answers, so the command waits for a schema.
  const registry = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const { port } = registry.address() as AddressInfo;
  const words = commandArguments('verify', `--scratch=${scratch}`);
  const env = environmentOf({ ...deployment.environment, SCHEMA_REGISTRY_URL: `http://127.0.0.1:${port}` });
  const child = spawnWithParent(process.execPath, words, { env, stdio: 'pipe' });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await pollUntil(async () => (await readdir(scratch)).length > 0, { awaited: 'temporary files', timeoutMs: 30_000 });
  child.kill('SIGTERM');
  const [exitCode] = (await once(child, 'close')) as [number | null];
  registry.close();
  expect(stderr).toContain('SIGTERM: stopped, and removed the temporary files');
  expect(exitCode).toBe(1);
  expect(await readdir(scratch)).toEqual([]);
});
