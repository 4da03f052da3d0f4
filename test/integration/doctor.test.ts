/** `company-sync doctor` on brokers with an authorizer: before anything exists, and while an instance runs. */
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, logLevel, ResourcePatternTypes } from 'kafkajs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { createTopics, describeDeployment, registerSchemas, type Deployment } from '../../testkit/deployment.js';
import { Processors } from '../../testkit/processor.js';
import { plainClient } from '../support/topics.js';

const processors = new Processors();
const stateDir = mkdtempSync(join(tmpdir(), 'doctor-'));
let cluster: Cluster;
let deployment: Deployment;

beforeAll(async () => {
  // Everything is allowed except what is denied, so the brokers need no permission of their own.
  const brokerConfig = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
  };
  cluster = await startOwnCluster({ brokerConfig });
  deployment = describeDeployment(cluster);
}, 120_000);

afterAll(async () => {
  await processors.endAll();
  rmSync(stateDir, { recursive: true, force: true });
  await cluster.stop();
});

interface Diagnosis {
  readonly exitCode: number | null;
  /** `check: message` of each finding, by its status. */
  readonly ok: readonly string[];
  readonly warning: readonly string[];
  readonly failed: readonly string[];
}

async function doctor(settings: Record<string, string> = {}): Promise<Diagnosis> {
  const environment = { ...deployment.environment, STATE_DIR: stateDir, ...settings };
  const { exitCode, stdout } = await runCommand(['doctor', '--json'], environment);
  const findings = JSON.parse(stdout) as { check: string; status: string; message: string }[];
  const of = (status: string) => findings.filter((f) => f.status === status).map((f) => `${f.check}: ${f.message}`);
  return { exitCode, ok: of('ok'), warning: of('warning'), failed: of('failed') };
}

test('each missing thing fails a check, with what to do', async () => {
  const { exitCode, failed } = await doctor();
  expect(exitCode).toBe(1);
  for (const topic of Object.values(deployment.topics))
    expect(failed).toContainEqual(
      `topics: topic ${topic} does not exist: create it with \`company-sync topics create\``,
    );
  expect(failed).toContainEqual(
    expect.stringMatching(/^schemas: synchronized-.* run `company-sync schemas register`$/),
  );
});

test('brokers and a registry that do not answer fail their checks, and the other checks still run', async () => {
  const { exitCode, ok, failed } = await doctor({
    KAFKA_BROKERS: '127.0.0.1:9',
    SCHEMA_REGISTRY_URL: 'http://127.0.0.1:65535',
  });
  expect(exitCode).toBe(1);
  expect(failed).toEqual([
    expect.stringMatching(/^brokers: no broker of KAFKA_BROKERS \(127\.0\.0\.1:9\) answers: .*correct KAFKA_BROKERS/),
    expect.stringMatching(/^registry: .*check SCHEMA_REGISTRY_URL$/),
  ]);
  expect(ok).toEqual([expect.stringMatching(/^state folder: .*not used yet/)]);
});

test('no check fails while an instance runs, and the instance is not disturbed', async () => {
  await Promise.all([createTopics(deployment), registerSchemas(deployment)]);
  const processor = await processors.startReady(deployment, { stateDir });
  const { exitCode, ok, failed } = await doctor();

  expect(failed).toEqual([]);
  expect(exitCode).toBe(0);
  expect(ok).toContainEqual('permissions: the brokers allow everything that was checked');
  expect(ok).toContainEqual(expect.stringMatching(/^state folder: .* in use by a running instance$/));
  await processor.ready();
  expect(processor.log.filter(({ level }) => level !== undefined && level > 30)).toEqual([]);
  await processors.killAll();
});

test('denied permissions are named', async () => {
  const { synchronized: topic } = deployment.topics;
  const acl = { principal: 'User:ANONYMOUS', host: '*', permissionType: AclPermissionTypes.DENY };
  const literal = { resourcePatternType: ResourcePatternTypes.LITERAL, ...acl };
  const described = { operation: AclOperationTypes.DESCRIBE, permissionType: AclPermissionTypes.ALLOW };
  const admin = plainClient(cluster.bootstrap).admin();
  await admin.connect();
  await admin.createAcls({
    acl: [
      { ...literal, resourceType: AclResourceTypes.TOPIC, resourceName: topic, operation: AclOperationTypes.WRITE },
      { ...literal, resourceType: AclResourceTypes.TOPIC, resourceName: topic, ...described },
      {
        ...literal,
        resourceType: AclResourceTypes.GROUP,
        resourceName: deployment.applicationId,
        operation: AclOperationTypes.READ,
      },
    ],
  });
  await admin.disconnect();

  const { exitCode, failed } = await doctor();
  expect(exitCode).toBe(1);
  expect(failed).toContainEqual(
    expect.stringMatching(
      `^permissions: the brokers do not allow READ, WRITE, .* on topic ${topic}: run kafka-acls.sh --bootstrap-server ` +
        `${cluster.bootstrap} --add --allow-principal 'User:<name>' --operation Read --operation Write .* --topic ${topic}$`,
    ),
  );
  expect(failed).toContainEqual(expect.stringMatching(`do not allow .*READ.* on group ${deployment.applicationId}`));

  const tail = await runCommand(['events', 'tail', '--count', '1'], deployment.environment);
  expect(tail).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') as string });
});

test('the size of a log is not known without Describe on the cluster', async () => {
  const config = { brokers: [cluster.bootstrap], clientId: 'test', logLevel: logLevel.NOTHING };
  const logs = new KafkaLogs({ config, groupId: 'test', clock: systemClock, onTrouble: () => undefined });
  const size = () => logs.bytesOf({ topic: deployment.topics.state, partition: 0 });
  expect(await size()).toEqual(expect.any(Number));

  const { DENY, ALLOW } = AclPermissionTypes;
  const acl = { principal: 'User:ANONYMOUS', host: '*', resourcePatternType: ResourcePatternTypes.LITERAL };
  const ofCluster = { ...acl, resourceType: AclResourceTypes.CLUSTER, resourceName: 'kafka-cluster' };
  const admin = plainClient(cluster.bootstrap).admin();
  await admin.connect();
  // In one request, because the brokers themselves need the other permissions.
  await admin.createAcls({
    acl: [
      { ...ofCluster, permissionType: ALLOW, operation: AclOperationTypes.ALL },
      { ...ofCluster, permissionType: DENY, operation: AclOperationTypes.DESCRIBE },
    ],
  });
  await admin.disconnect();
  expect(await size()).toBeNull();
  await logs.close();
  const { warning } = await doctor();
  const command = `kafka-acls.sh --bootstrap-server ${cluster.bootstrap} --add --allow-principal 'User:<name>' --operation Describe --cluster`;
  expect(warning).toContainEqual(
    'permissions: without it, the size of the changelog is not known: the brokers do not allow DESCRIBE on the cluster: ' +
      `run ${command}`,
  );
});
