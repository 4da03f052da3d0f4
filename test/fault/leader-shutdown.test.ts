/**
 * The leader of partitions without another replica is shut down cleanly, right after it has accepted records of
 * committed transactions. Kafka 4.3.0 to 4.4.0 then skip the markers in these partitions. A later transaction fails,
 * and its abort must not decide the outcome of the earlier commit. Each transaction must count in all logs that it
 * wrote to, or in none. If that broker also coordinates the group, and nobody else has the group's offsets, the next
 * take-over fences only when the broker is back.
 *
 * For more: `npm run build && LEADER_SHUTDOWNS=20 npx jest --selectProjects=kafka --testPathPatterns=leader-shutdown`
 */
import { logLevel } from 'kafkajs';
import { COORDINATOR_OF_GROUP } from '../../src/kafka/connection/cluster.js';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { kafkaTransactions } from '../../src/kafka/transactions/transactions.js';
import { NO_HEADERS } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { PipelineContext } from '../../src/pipeline/context.js';
import { HangingTransactionError } from '../../src/pipeline/errors.js';
import { fence } from '../../src/pipeline/fence.js';
import { mustBeSureNothingIsOpen } from '../../src/pipeline/left-open.js';
import type { TransactionalProducer } from '../../src/pipeline/ports.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { plainClient, readCommitted } from '../support/topics.js';

const SHUTDOWNS = Number(process.env['LEADER_SHUTDOWNS'] ?? 2);
/** About 12 s each on two cores. */
const SHUTDOWN_TIMEOUT_MS = 25_000;
const LAST_TAKE_OVERS_TIMEOUT_MS = 35_000;
const PARTITIONS = 12;
const GROUP = 'app';
/** Few transactions announce something, so the commit that is left open there may be many commits old. */
const ANNOUNCES_EVERY = 5;

type Broker = Cluster['brokers'][number];

interface Shutdowns {
  readonly name: string;
  readonly brokerConfig: Readonly<Record<string, string>>;
  readonly next: (view: ClusterView, shutdown: number) => Promise<Broker>;
  /** The time between two shutdowns, so that transactions are in progress again. */
  readonly loadMs: number;
}

const SHUTDOWNS_OF: readonly Shutdowns[] = [
  {
    name: 'the leader of one place',
    brokerConfig: {},
    next: (_, shutdown) => Promise.resolve(cluster.brokers[shutdown % 3]!),
    loadMs: 1_000,
  },
  {
    name: "a leader that coordinates the group, with the only replica of the group's offsets,",
    brokerConfig: { 'offsets.topic.replication.factor': '1' },
    next: (view) => coordinatorOfGroup(view),
    loadMs: 6_000,
  },
];

let cluster: Cluster;

describe.each(SHUTDOWNS_OF)('when $name is shut down cleanly', ({ brokerConfig, next, loadMs }) => {
  beforeAll(async () => {
    cluster = await startOwnCluster({ brokers: 3, registry: false, brokerConfig });
  }, 240_000);
  afterAll(() => cluster.stop());

  test(
    'a transaction counts in all places or in none',
    async () => {
      const topics = await createTopics();
      const { changelog, synchronized } = topics;

      const config = { brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING };
      const view = new ClusterView(config, systemClock);
      const common = { cluster: view, groupId: GROUP, clock: systemClock };
      const logs = new KafkaLogs({ ...common, config, onTrouble: () => undefined });
      const context: Partial<PipelineContext> = {
        applicationId: GROUP,
        topics,
        inputLogs: logs,
        changelogLogs: logs,
        transactions: kafkaTransactions(config, { ...common, transactionTimeoutMs: 20_000 }),
        partitioner: { partitionFor: () => 0, targets: (_, to) => ({ partitions: [to], isExclusive: true }) },
        observer: {
          leftOpen: () => undefined,
        } as Partial<PipelineContext['observer']> as PipelineContext['observer'],
      };
      const over = new AbortController();
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
      const owners = Promise.all(
        partitions.map((partition) => runAsOwner(context as PipelineContext, partition, over.signal)),
      );
      owners.catch(() => over.abort());
      for (let shutdown = 0; shutdown < SHUTDOWNS && !over.signal.aborted; shutdown++) {
        await systemClock.delay(loadMs);
        const broker = await next(view, shutdown);
        await broker.stop();
        await broker.start();
      }
      await systemClock.delay(loadMs);
      over.abort();
      const acknowledged = (await owners).flat().sort();
      await Promise.all([logs.close(), view.close()]);

      const namesIn = async (topic: string) =>
        (await readCommitted(cluster.bootstrap, topic)).map(({ value }) => String(value)).sort();
      const [changed, announced] = [await namesIn(changelog), await namesIn(synchronized)];
      const counted = new Set(changed);
      expect(acknowledged.filter((name) => !counted.has(name))).toEqual([]);
      expect(announced).toEqual(changed.filter(announces));
    },
    SHUTDOWNS * SHUTDOWN_TIMEOUT_MS + LAST_TAKE_OVERS_TIMEOUT_MS,
  );
});

async function coordinatorOfGroup(view: ClusterView): Promise<Broker> {
  for (;;) {
    const named = await view.coordinatorOf(COORDINATOR_OF_GROUP, GROUP).catch(() => null);
    const broker = cluster.brokers.find(({ address }) => address === named?.address);
    if (broker !== undefined) return broker;
    await systemClock.delay(200);
  }
}

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
    input: 'input',
    changelog: 'changelog',
    synchronized: 'synchronized',
    deadLetter: 'dead-letter',
    stalled: 'stalled',
    failed: 'failed',
  };
  const replicated = [topics.input, topics.deadLetter, topics.stalled, topics.failed].map((topic) => create(topic, 3));
  const alone = [topics.changelog, topics.synchronized].map((topic) => create(topic, 1));
  await admin.createTopics({ topics: [...replicated, ...alone], waitForLeaders: false });
  await admin.disconnect();
  return topics;
}

function announces(name: string): boolean {
  return Number(name.split('/')[1]) % ANNOUNCES_EVERY === 0;
}

/**
 * Commits one transaction after the other, as the owner of a partition, and ends once nothing is left open.
 * @returns those that were acknowledged
 * @throws HangingTransactionError
 */
async function runAsOwner(context: PipelineContext, partition: number, over: AbortSignal): Promise<string[]> {
  const { changelog, synchronized, input } = context.topics;
  const acknowledged: string[] = [];
  for (let offset = 0; ;) {
    let producer: TransactionalProducer | undefined;
    try {
      producer = await fence(context, partition);
      if (over.aborted) {
        await producer.discard();
        return acknowledged;
      }
      for (; !over.aborted; offset++) {
        if (producer.lostConnection()) await mustBeSureNothingIsOpen(context, partition, producer);
        const name = `${partition}/${offset}`;
        const topics = announces(name) ? [changelog, synchronized] : [changelog];
        const to = topics.map((topic) => ({ topic, partition }));
        await producer.begin(to);
        const records = [{ key: Buffer.from(name), value: Buffer.from(name), headers: NO_HEADERS }];
        const writes = to.map((partition) => producer!.produce(partition, records));
        await Promise.all([
          producer.sendOffset({ topic: input, partition }, { offset: offset + 1, leaderEpoch: -1 }),
          ...writes,
        ]);
        await producer.commit();
        acknowledged.push(name);
      }
      await producer.discard();
    } catch (error) {
      await producer?.discard();
      if (error instanceof HangingTransactionError) throw error; // It would wait for an operator.
      offset++; // Its outcome is not known, and its name not used again.
      await systemClock.delay(100);
    }
  }
}
