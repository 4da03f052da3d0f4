/**
 * The leader of partitions without another replica goes down in order, right after it has taken records of transactions that
 * are committed. Kafka 4.3.0 to 4.4.0 then skip their markers there. The transaction that comes next fails, and its abort must
 * not decide for the commit before. It waits for a partition without an end if an operator is needed, so it only runs on
 * demand: `LEADER_SHUTDOWNS=3 npx jest --selectProjects=kafka --testPathPatterns=leader-shutdown`
 */
import { logLevel } from 'kafkajs';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { kafkaTransactions } from '../../src/kafka/transactions/transactions.js';
import { NO_HEADERS } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { PipelineContext } from '../../src/pipeline/context.js';
import { fence, mustHaveNothingOpen } from '../../src/pipeline/fence.js';
import type { TransactionalProducer } from '../../src/pipeline/ports.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { plainClient, readCommitted } from '../support/topics.js';

const SHUTDOWNS = Number(process.env['LEADER_SHUTDOWNS'] ?? 3);
const SHUTDOWN_TIMEOUT_MS = 60_000;
const PARTITIONS = 12;
const GROUP = 'app';
/** Between two shutdowns, so that transactions are under way again. */
const LOAD_MS = 1_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startOwnCluster({ brokers: 3, registry: false });
}, 240_000);
afterAll(() => cluster.stop());

const onDemand = process.env['LEADER_SHUTDOWNS'] === undefined ? test.skip : test;

onDemand(
  'what was acknowledged as committed stays committed everywhere when the leader of one part goes down in order',
  async () => {
    const topics = await createTopics();
    const { changelog, synchronized } = topics;

    const config = { brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING };
    const view = new ClusterView(config, systemClock);
    const common = { cluster: view, groupId: GROUP, clock: systemClock };
    const logs = new KafkaLogs({ ...common, config, onTrouble: () => undefined });
    const context: Partial<PipelineContext> = {
      ...{ applicationId: GROUP, topics, inputLogs: logs, changelogLogs: logs },
      transactions: kafkaTransactions(config, { ...common, transactionTimeoutMs: 20_000 }),
      partitioner: { partitionFor: () => 0, targets: (_, to) => ({ partitions: [to], alone: true }) },
      observer: {
        leftOpen: () => undefined,
      } as Partial<PipelineContext['observer']> as PipelineContext['observer'],
    };
    const over = new AbortController();
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const owners = partitions.map((partition) => own(context as PipelineContext, partition, over.signal));
    for (let shutdown = 0; shutdown < SHUTDOWNS; shutdown++) {
      await systemClock.delay(LOAD_MS);
      const broker = cluster.brokers[shutdown % 3]!;
      await broker.stop();
      await broker.start();
    }
    await systemClock.delay(LOAD_MS);
    over.abort();
    const acknowledged = (await Promise.all(owners)).flat().sort();
    await Promise.all([logs.close(), view.close()]);

    for (const topic of [changelog, synchronized]) {
      const written = new Set((await readCommitted(cluster.bootstrap, topic)).map(({ value }) => String(value)));
      expect(acknowledged.filter((name) => !written.has(name))).toEqual([]);
    }
  },
  SHUTDOWNS * SHUTDOWN_TIMEOUT_MS + 60_000,
);

/** Changelog and announcements have one replica each. */
async function createTopics(): Promise<PipelineContext['topics']> {
  const admin = plainClient(cluster.bootstrap).admin();
  await admin.connect();
  const create = (topic: string, replicationFactor: number) => ({
    topic,
    replicationFactor,
    numPartitions: PARTITIONS,
  });
  const topics = {
    ...{ input: 'input', changelog: 'changelog', synchronized: 'synchronized' },
    ...{ deadLetter: 'dead-letter', stalled: 'stalled' },
  };
  const replicated = [topics.input, topics.deadLetter, topics.stalled].map((topic) => create(topic, 3));
  const alone = [topics.changelog, topics.synchronized].map((topic) => create(topic, 1));
  await admin.createTopics({ topics: [...replicated, ...alone], waitForLeaders: false });
  await admin.disconnect();
  return topics;
}

/** Commits one transaction after the other, as the owner of a partition. @returns those that were acknowledged */
async function own(context: PipelineContext, partition: number, over: AbortSignal): Promise<string[]> {
  const { changelog, synchronized, input } = context.topics;
  const acknowledged: string[] = [];
  for (let offset = 0; ;) {
    let producer: TransactionalProducer | undefined;
    try {
      producer = await fence(context, partition);
      for (; !over.aborted; offset++) {
        if (producer.lostConnection()) await mustHaveNothingOpen(context, partition, producer);
        const name = `${partition}/${offset}`;
        const to = [changelog, synchronized].map((topic) => ({ topic, partition }));
        await producer.begin(to);
        const records = [{ key: Buffer.from(name), value: Buffer.from(name), headers: NO_HEADERS }];
        const writes = to.map((at) => producer!.produce(at, records));
        await Promise.all([
          producer.sendOffset({ topic: input, partition }, { offset: offset + 1, leaderEpoch: -1 }),
          ...writes,
        ]);
        await producer.commit();
        acknowledged.push(name);
      }
      await producer.discard();
      return acknowledged;
    } catch {
      offset++; // Its outcome is not known, and its name not used again.
      await producer?.discard();
      await systemClock.delay(100);
    }
  }
}
