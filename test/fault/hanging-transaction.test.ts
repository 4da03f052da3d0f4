/**
 * A broker that goes down while it ends a transaction may skip the markers of some partitions (seen on Kafka 4.3.1): the
 * transaction hangs there, and the next commit of the same producer would make its records count.
 *
 * The same is made here by a record of a transaction that the coordinator was never told of.
 */
import { logLevel } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/broker-connections.js';
import { produce } from '../../src/kafka/produce-request.js';
import { cutBatch } from '../../src/kafka/record-batch-encoder.js';
import { initProducerId } from '../../src/kafka/transaction-requests.js';
import { NO_HEADERS } from '../../src/lib/record.js';
import type { Cluster } from '../support/cluster/cluster.js';
import { currentCluster } from '../support/cluster/current.js';
import { startOwnCluster } from '../support/cluster/start-cluster.js';
import { runCommand } from '../support/command.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../support/processor.js';

const TRANSACTIONS_TOOL = 'org.apache.kafka.tools.TransactionsCommand';
const TIMEOUT_MS = 10_000;

const processors = new Processors();
let cluster: Cluster;
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  // Else the broker would refuse what no coordinator knows of (KIP-890).
  const brokerConfig = { 'transaction.partition.verification.enable': 'false' };
  cluster = await startOwnCluster({ registry: false, brokerConfig });
  const { registryUrl } = currentCluster();
  deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl }, { partitions: 2 });
  platform = await Platform.connect(deployment);
});

afterAll(async () => {
  await processors.endAll();
  await platform.close();
  await cluster.stop();
});

test('a transaction that the broker left open in the changelog stops its partition, until it is ended', async () => {
  const first = await processors.startReady(deployment);
  await consumed(deployment, await platform.send(platform.completeCompany('before', { partition: 0 })));
  await first.stop();
  const topic = deployment.topics.state;
  const offset = await leaveOpen(topic, 0);

  const second = processors.start(deployment, { stateDir: first.stateDir });
  const { reason } = await second.partitionIs(0, 'blocked');
  const where = `--topic ${topic} --partition 0`;
  expect(reason).toContain(`kafka-transactions.sh --bootstrap-server ... abort ${where} --start-offset ${offset}`);
  await consumed(deployment, await platform.send(platform.completeCompany('elsewhere', { partition: 1 })));

  await cluster.kafkaTool(TRANSACTIONS_TOOL, ['abort', ...where.split(' '), '--start-offset', String(offset)]);
  await second.ready();
  await consumed(deployment, await platform.send(platform.completeCompany('after', { partition: 0 })));
  expect(await announcedCompanies(deployment)).toEqual(['after', 'before', 'elsewhere']);
  expect(await second.stop()).toBe(0);
});

test('doctor names a transaction that keeps the readers of the announcements waiting, until it is ended', async () => {
  const topic = deployment.topics.synchronized;
  const offset = await leaveOpen(topic, 1);
  const where = `--topic ${topic} --partition 1`;
  const findings = await transactionsFound();
  expect(findings).toEqual([expect.stringMatching(`^warning .* open from offset ${offset} on`)]);
  const tool = `kafka-transactions.sh --bootstrap-server ${cluster.bootstrap}`;
  expect(findings[0]).toContain(`${tool} describe-producers ${where}`);
  expect(await cluster.kafkaTool(TRANSACTIONS_TOOL, ['describe-producers', ...where.split(' ')])).toMatch(
    new RegExp(`\\s${offset}\\s*$`, 'm'),
  );
  expect(findings[0]).toContain(`${tool} abort ${where} --start-offset ${offset}`);

  await cluster.kafkaTool(TRANSACTIONS_TOOL, ['abort', ...where.split(' '), '--start-offset', String(offset)]);
  expect(await transactionsFound()).toEqual(['ok none keeps readers waiting']);
});

/** What `doctor` says of transactions: status and message. */
async function transactionsFound(): Promise<string[]> {
  const { stdout } = await runCommand(['doctor', '--json'], deployment.environment);
  const findings = JSON.parse(stdout) as { check: string; status: string; message: string }[];
  return findings.filter(({ check }) => check === 'transactions').map(({ status, message }) => `${status} ${message}`);
}

/** @returns the offset of the record that hangs */
async function leaveOpen(topic: string, partition: number): Promise<number> {
  const connections = new BrokerConnections({ brokers: [cluster.bootstrap], logLevel: logLevel.NOTHING });
  try {
    const transactionalId = `${deployment.applicationId}-${deployment.topics.events}-${partition}`;
    return await connections.ask(cluster.bootstrap, async ({ connectionPool }) => {
      const session = await connectionPool.send(initProducerId(transactionalId, TIMEOUT_MS));
      const records = [{ key: Buffer.from('never'), value: null, headers: NO_HEADERS }];
      const origin = { ...session, firstSequence: 0, timestamp: Date.now() };
      const cut = cutBatch(records, 0, 1_000, 1);
      const to = { topic, partition };
      const request = { transactionalId, to, records, start: 0, cut, origin, timeoutMs: TIMEOUT_MS };
      const answer = await connectionPool.send(produce(request));
      expect(answer.errorCode).toBe(0);
      return answer.baseOffset;
    });
  } finally {
    await connections.close();
  }
}
