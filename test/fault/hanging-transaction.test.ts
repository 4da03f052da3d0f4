/**
 * A broker that goes down while it ends a transaction may skip the markers of some partitions (seen on Kafka 4.3.1):
 * the transaction hangs there, and the next commit of the same producer would also commit its records. This test
 * creates the same state by transactions that the coordinator was never told about.
 */
import { logLevel } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import type { ConnectedBroker } from '../../src/kafka/protocol/protocol-call.js';
import { produce } from '../../src/kafka/protocol/produce-request.js';
import { cutBatch } from '../../src/kafka/protocol/record-batch-encoder.js';
import { addPartitionsToTxn, endTxn, initProducerId } from '../../src/kafka/protocol/transaction-requests.js';
import { NO_HEADERS } from '../../src/lib/record.js';
import { cleanAudit } from '../support/clean-audit.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { killedItself, startHalting } from '../support/halting-instance.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const TRANSACTIONS_TOOL = 'org.apache.kafka.tools.TransactionsCommand';
const TIMEOUT_MS = 10_000;

const processors = new Processors();
let cluster: Cluster;
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  // Otherwise the broker would refuse records of a transaction that the coordinator does not know (KIP-890).
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

test('a transaction that the broker left open in the changelog blocks its partition, until it is ended', async () => {
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

describe('an open part of the last transaction', () => {
  let deployment: Deployment;
  let ownPlatform: Platform;
  let stateDir: string;
  beforeEach(async () => {
    deployment = await deploy(
      { bootstrap: cluster.bootstrap, registryUrl: currentCluster().registryUrl },
      { partitions: 1 },
    );
    ownPlatform = await Platform.connect(deployment);
    stateDir = await leaveLastBatchOpen();
  });
  afterEach(() => ownPlatform.close());

  test.each(['kept', 'lost'])('is committed if the rest was committed, with the state %s', async (state) => {
    const before = await ownPlatform.send(ownPlatform.completeCompany('before it was ended'));
    const next = await processors.startReady(deployment, state === 'kept' ? { stateDir } : {});
    await consumed(deployment, before);
    expect(endedAgain(next)).toEqual(['commit']);
    await expectAllAnnouncedOnce();
  });

  test('is aborted if the rest was aborted, and its records are decided again', async () => {
    await abortOne();
    const next = await processors.startReady(deployment, { stateDir });
    expect(endedAgain(next)).toEqual(['abort']);
    await expectAllAnnouncedOnce();
  });

  async function expectAllAnnouncedOnce(): Promise<void> {
    await consumed(deployment, await ownPlatform.send(ownPlatform.completeCompany('after it was ended')));
    const companies = await announcedCompanies(deployment);
    expect(companies).toEqual(expect.arrayContaining(['after it was ended', 'committed', 'left open']));
    expect((await cleanAudit(deployment)).announced).toBe(companies.length);
  }

  /** Runs an instance that dies and leaves its second batch open everywhere, after a committed batch. */
  async function leaveLastBatchOpen(): Promise<string> {
    const plan = { signal: 'SIGKILL', partition: 0, moment: 'commit-sent', batch: 2, hidden: true } as const;
    const first = startHalting(processors, deployment, plan);
    await consumed(deployment, await ownPlatform.send(ownPlatform.completeCompany('committed')));
    await ownPlatform.send(ownPlatform.completeCompany('left open'));
    await killedItself(first);
    return first.stateDir;
  }

  /** Makes an aborted transaction the last one that the coordinator knows. */
  async function abortOne(): Promise<void> {
    const transactionalId = `${deployment.applicationId}-${deployment.topics.events}-0`;
    await onBroker(async ({ connectionPool }) => {
      const answer = await connectionPool.send(initProducerId(transactionalId, TIMEOUT_MS));
      const session = { transactionalId, ...answer };
      const unused = { topic: deployment.topics.stalled, partition: 0 };
      expect(await connectionPool.send(addPartitionsToTxn(session, [unused]))).toMatchObject({ errorCode: 0 });
      expect(await connectionPool.send(endTxn(session, 'abort'))).toMatchObject({ errorCode: 0 });
    });
  }
});

/** The outcomes with which the instance has ended open transactions, each in all places. */
function endedAgain(processor: Processor): string[] {
  const lines = processor.log.filter(({ msg }) => msg.startsWith('the brokers have left the last transaction open'));
  for (const { places } of lines) expect(places).toHaveLength(3); // changelog, announcements, the group's offset
  return lines.map(({ outcome }) => outcome as string);
}

test('doctor names a transaction that keeps the readers of the announcements waiting, until it is ended', async () => {
  const topic = deployment.topics.synchronized;
  const offset = await leaveOpen(topic, 1);
  const where = `--topic ${topic} --partition 1`;
  const findings = await transactionsFound();
  expect(findings).toEqual([expect.stringMatching(`^warning .* open from offset ${offset} on`)]);
  const tool = `kafka-transactions.sh --bootstrap-server ${cluster.bootstrap}`;
  expect(findings[0]).toContain(`${tool} describe-producers ${where}`);
  expect(findings[0]).toContain('with its decided outcome when you restart the instance that runs its partition');
  expect(await cluster.kafkaTool(TRANSACTIONS_TOOL, ['describe-producers', ...where.split(' ')])).toMatch(
    new RegExp(`\\s${offset}\\s*$`, 'm'),
  );
  expect(findings[0]).toContain(`${tool} abort ${where} --start-offset ${offset}`);

  await cluster.kafkaTool(TRANSACTIONS_TOOL, ['abort', ...where.split(' '), '--start-offset', String(offset)]);
  expect(await transactionsFound()).toEqual(['ok no open transaction keeps readers waiting']);
});

/** The finding of `doctor` about transactions: status and message. */
async function transactionsFound(): Promise<string[]> {
  const { stdout } = await runCommand(['doctor', '--json'], deployment.environment);
  const findings = JSON.parse(stdout) as { check: string; status: string; message: string }[];
  return findings.filter(({ check }) => check === 'transactions').map(({ status, message }) => `${status} ${message}`);
}

/** @returns the offset of the record that hangs */
async function leaveOpen(topic: string, partition: number): Promise<number> {
  const transactionalId = `${deployment.applicationId}-${deployment.topics.events}-${partition}`;
  return onBroker(async ({ connectionPool }) => {
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
}

async function onBroker<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
  const connections = new BrokerConnections({ brokers: [cluster.bootstrap], logLevel: logLevel.NOTHING }, systemClock);
  try {
    return await connections.ask(cluster.bootstrap, question);
  } finally {
    await connections.close();
  }
}
