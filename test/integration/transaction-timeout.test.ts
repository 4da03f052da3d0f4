/** Brokers whose limit is below our transaction timeout: an operator is told, and nothing is retried silently. */
import { randomUUID } from 'node:crypto';
import { logLevel } from 'kafkajs';
import type { KafkaConfig } from '../../src/kafka/connection/cluster.js';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { kafkaTransactions } from '../../src/kafka/transactions/transactions.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { BrokerSettingError } from '../../src/pipeline/errors.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { Processors } from '../../testkit/processor.js';

const MAX_MS = 15_000;
const processors = new Processors();
let cluster: Cluster;
let deployment: Deployment;

beforeAll(async () => {
  cluster = await startOwnCluster({ registry: false, brokerConfig: { 'transaction.max.timeout.ms': String(MAX_MS) } });
  deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl: currentCluster().registryUrl });
});

afterAll(async () => {
  await processors.endAll();
  await cluster.stop();
});

test('run refuses to start, and doctor fails, with the setting, its value and the required value', async () => {
  const wanted = new RegExp(`transaction.max.timeout.ms of the broker 1 is ${MAX_MS}, below the 20000 ms`);
  const processor = processors.start(deployment);
  expect(await processor.exited).toBe(1);
  expect(processor.messages).toMatch(wanted);
  const { exitCode, stdout } = await runCommand(['doctor'], deployment.environment);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(wanted);
});

test('if the brokers do not report the setting, fencing a partition says at once what to raise', async () => {
  const config: KafkaConfig = { brokers: [cluster.bootstrap], clientId: 'test', logLevel: logLevel.NOTHING };
  const view = new ClusterView(config, systemClock);
  const options = { cluster: view, groupId: `group-${randomUUID()}`, transactionTimeoutMs: 20_000, clock: systemClock };
  const startedAt = Date.now();
  const refused = await kafkaTransactions(config, options)
    .fence('id')
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BrokerSettingError);
  expect(String(refused)).toMatch(/InitProducerId for id was refused: transaction.max.timeout.ms .* server.properties/);
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  await view.close();
});
