/** What a scenario needs from a cluster, simulated or real. Its questions go to the first broker. */
import { Kafka, type KafkaConfig } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION } from '../../src/kafka/connection/cluster.js';
import { LATEST, listOffset, READ_COMMITTED } from '../../src/kafka/protocol/list-offsets.js';
import { ERROR_CODES, NO_ERROR } from '../../src/kafka/protocol/protocol-errors.js';
import {
  findCoordinator,
  initProducerId,
  type ProducerSession,
} from '../../src/kafka/protocol/transaction-requests.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { OFFSETS_TOPIC, partitionOfKey, TRANSACTIONS_TOPIC } from '../simulated-kafka/image.js';
import { Answers } from './answers.js';
import { BrokerUnderTest, type Connections } from './broker-under-test.js';
import type { Operator } from './operator.js';

export const TRANSACTION_TIMEOUT_MS = 60_000;
/** As in the simulated Kafka and in the clusters of `testkit/cluster`. */
const INTERNAL_PARTITIONS = 5;

/** A broker has these answers until it has learnt of a leader. */
const NOT_LEARNT: readonly number[] = [ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION, 75 /* UNKNOWN_LEADER_EPOCH */];

type ClusterConfig = KafkaConfig & { readonly brokers: string[] };

export class ClusterUnderTest extends BrokerUnderTest {
  readonly answers = new Answers();
  readonly kafka: Kafka;
  readonly #connections: Connections;
  readonly #brokers: readonly BrokerUnderTest[];
  readonly #frozen = new Set<BrokerUnderTest>();

  /**
   * @param suffix makes all names unique: the real cluster has other topics and groups too
   * @param operator undefined for scenarios that leave the brokers alone
   */
  constructor(
    config: ClusterConfig,
    private readonly suffix: string,
    private readonly operator?: Operator,
  ) {
    const connections = {
      usual: new BrokerConnections(config, systemClock),
      waiting: new BrokerConnections(config, systemClock),
    };
    super({ connections, address: config.brokers[0]! });
    this.kafka = new Kafka(config);
    this.#connections = connections;
    this.#brokers = config.brokers.map((address) => new BrokerUnderTest({ connections, address }));
  }

  /** @param id from 1 on */
  at(id: number): BrokerUnderTest {
    const broker = this.#brokers[id - 1];
    if (broker === undefined) throw new RangeError(`the cluster has no broker ${id}`);
    return broker;
  }

  /** The first question for a coordinator creates the topic that it needs. */
  async prepare(): Promise<void> {
    for (const kind of [COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION]) await this.ask(findCoordinator(kind, 'any'));
  }

  /** A topic, a group or a transactional id. */
  name(base: string): string {
    const name = `${base}-${this.suffix}`;
    this.answers.call(name, base);
    return name;
  }

  /**
   * Creates a topic with one partition, and waits until its first broker leads it.
   * @param replicas broker ids, the leader first
   */
  async topic(
    base: string,
    settings: Readonly<Record<string, string>> = {},
    replicas: readonly [number, ...number[]] = [1],
  ): Promise<TopicPartition> {
    const topic = this.name(base);
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const replicaAssignment = [{ partition: 0, replicas: [...replicas] }];
    await this.admin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: -1, replicationFactor: -1, replicaAssignment, configEntries }],
      }),
    );
    const log = { topic, partition: 0 };
    const leader = this.at(replicas[0]);
    const isLed = async () => (await leader.ask(listOffset(log, 0, LATEST, READ_COMMITTED))).errorCode === NO_ERROR;
    await this.until('the broker leads the topic', isLed);
    return log;
  }

  async admin<T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    return use(admin).finally(() => admin.disconnect());
  }

  async session(base: string, timeoutMs = TRANSACTION_TIMEOUT_MS): Promise<ProducerSession> {
    const transactionalId = this.name(base);
    const answer = await this.whenDecided(initProducerId(transactionalId, timeoutMs));
    this.answers.note(`InitProducerId ${base}`, answer);
    return { transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  /** Elects a leader that is in sync, and waits until all brokers know it. */
  async moveLeader(log: TopicPartition, to: number): Promise<void> {
    await this.#operator.moveLeader(log, to);
    await this.#ledBy(log, to);
  }

  /** Elects a leader that is not in sync, while the partition has no leader. */
  async electUnclean(log: TopicPartition, to: number): Promise<void> {
    await this.#operator.electUnclean(log, to);
    await this.#ledBy(log, to);
  }

  /** @returns the partition that holds a group or a transactional id, after its leader has moved */
  async moveCoordinator(kind: 'group' | 'transaction', key: string, to: number): Promise<TopicPartition> {
    const topic = kind === 'group' ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
    const home = { topic, partition: partitionOfKey(key, INTERNAL_PARTITIONS) };
    await this.moveLeader(home, to);
    return home;
  }

  /** The broker keeps its connections, and does nothing. Others count it as down when its session has ended. */
  async freeze(id: number): Promise<void> {
    this.#frozen.add(this.at(id));
    await this.#operator.freeze(id);
  }

  async thaw(id: number): Promise<void> {
    await this.#operator.thaw(id);
    this.#frozen.delete(this.at(id));
  }

  /** Waits until all brokers that run know the in-sync replicas, in any order. */
  async inSync(log: TopicPartition, ids: readonly number[]): Promise<void> {
    const wanted = String([...ids].sort());
    const isKnownTo = async (broker: BrokerUnderTest) =>
      String([...(await broker.partition(log)).inSync].sort()) === wanted;
    for (const broker of this.#running) await this.until(`in sync are ${wanted}`, () => isKnownTo(broker));
  }

  /** Waits until a broker can read up to an offset: followers learn the high watermark later. */
  async readable(log: TopicPartition, id: number, end: number): Promise<void> {
    const broker = this.at(id);
    const isReached = async () => (await broker.ask(listOffset(log, -1, LATEST, READ_COMMITTED))).offset >= end;
    await this.until(`broker ${id} has all records`, isReached);
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.usual.close(), this.#connections.waiting.close()]);
  }

  get #operator(): Operator {
    if (this.operator === undefined) throw new Error('this cluster has no operator');
    return this.operator;
  }

  get #running(): BrokerUnderTest[] {
    return this.#brokers.filter((broker) => !this.#frozen.has(broker));
  }

  /** A broker that runs knows the leader first, and takes over its part a moment later. */
  async #ledBy(log: TopicPartition, id: number): Promise<void> {
    for (const broker of this.#running)
      await this.until(`broker ${id} leads ${log.topic}`, async () => {
        const { leader, leaderEpoch } = await broker.partition(log);
        if (leader !== id) return false;
        return !NOT_LEARNT.includes((await broker.ask(listOffset(log, leaderEpoch, LATEST, READ_COMMITTED))).errorCode);
      });
  }
}
