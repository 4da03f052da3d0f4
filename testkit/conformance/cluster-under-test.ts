/**
 * What a scenario needs from a cluster, simulated or real. Its questions go to the first broker. A scenario names
 * brokers by their place from 1 on, not by their ids. In a real cluster of three, the third is the active controller.
 */
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
import type { BrokerAt, Operator } from './operator.js';

export const TRANSACTION_TIMEOUT_MS = 60_000;
/** As in the simulated Kafka and in the clusters of `testkit/cluster`. */
const INTERNAL_PARTITIONS = 5;
const NONE = -1;

/** A broker has these answers until it has learnt of a leader. */
const NOT_LEARNT: readonly number[] = [ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION, 75 /* UNKNOWN_LEADER_EPOCH */];

export class ClusterUnderTest extends BrokerUnderTest {
  readonly answers = new Answers();
  readonly kafka: Kafka;
  readonly #connections: Connections;
  readonly #brokers: readonly BrokerUnderTest[];
  /** Places. */
  readonly #frozen = new Set<number>();

  /**
   * @param brokers in the order of their places
   * @param suffix makes all names unique: the real cluster has other topics and groups too
   * @param operator undefined for scenarios that leave the brokers alone
   */
  constructor(
    config: KafkaConfig,
    private readonly brokers: readonly BrokerAt[],
    private readonly suffix: string,
    private readonly operator?: Operator,
  ) {
    const connections = {
      usual: new BrokerConnections(config, systemClock),
      waiting: new BrokerConnections(config, systemClock),
    };
    super({ connections, address: brokers[0]!.address });
    this.kafka = new Kafka(config);
    this.#connections = connections;
    this.#brokers = brokers.map(({ address }) => new BrokerUnderTest({ connections, address }));
  }

  at(place: number): BrokerUnderTest {
    const broker = this.#brokers[place - 1];
    if (broker === undefined) throw new RangeError(`the cluster has no broker ${place}`);
    return broker;
  }

  /** @param address host:port */
  placeAt(address: string | undefined): number {
    return this.brokers.findIndex((broker) => broker.address === address) + 1;
  }

  /** What the broker at `place` knows of a partition: its leader and its in-sync replicas by their places. */
  async stateAt(place: number, log: TopicPartition) {
    const { errorCode, leader, leaderEpoch, inSync } = await this.at(place).partition(log);
    return {
      errorCode,
      leader: this.#placeOf(leader),
      leaderEpoch,
      inSync: inSync.map((id) => this.#placeOf(id)).sort(),
    };
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
   * @param replicas places of brokers, the leader first; without, the only broker
   */
  async topic(
    base: string,
    settings: Readonly<Record<string, string>> = {},
    replicas?: readonly [number, ...number[]],
  ): Promise<TopicPartition> {
    const topic = this.name(base);
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const assigned = replicas && [{ partition: 0, replicas: replicas.map((place) => this.#idAt(place)) }];
    const where = assigned
      ? { numPartitions: -1, replicationFactor: -1, replicaAssignment: assigned }
      : { numPartitions: 1, replicationFactor: 1 };
    await this.admin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, ...where, configEntries }],
      }),
    );
    const log = { topic, partition: 0 };
    const leader = this.at(replicas?.[0] ?? 1);
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
    await this.#operator.moveLeader(log, this.#idAt(to));
    await this.#ledBy(log, to);
  }

  /** Elects a leader that is not in sync, while the partition has no leader. */
  async electUnclean(log: TopicPartition, to: number): Promise<void> {
    await this.#operator.electUnclean(log, this.#idAt(to));
    await this.#ledBy(log, to);
  }

  /** @returns the partition that holds a group or a transactional id, after its leader has moved */
  async moveCoordinator(kind: 'group' | 'transaction', key: string, to: number): Promise<TopicPartition> {
    const topic = kind === 'group' ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
    const home = { topic, partition: partitionOfKey(key, INTERNAL_PARTITIONS) };
    await this.moveLeader(home, to);
    return home;
  }

  /** Compacts the log, and waits until the batch at an offset is gone. */
  async compacted(log: TopicPartition, offset: number): Promise<void> {
    await this.#operator.compact(log);
    await this.until(`the batch at ${offset} is gone`, async () => {
      const { partitions } = await this.fetch(log, 0);
      return partitions[0]!.records.every(({ baseOffset }) => baseOffset !== String(offset));
    });
  }

  /** The broker keeps its connections, and does nothing. Others count it as down when its session has ended. */
  async freeze(place: number): Promise<void> {
    this.#frozen.add(place);
    await this.#operator.freeze(this.#idAt(place));
  }

  async thaw(place: number): Promise<void> {
    await this.#operator.thaw(this.#idAt(place));
    this.#frozen.delete(place);
  }

  /** Waits until all brokers that run know the in-sync replicas. */
  async inSync(log: TopicPartition, places: readonly number[]): Promise<void> {
    for (const place of this.#running)
      await this.until(
        `in sync are ${String(places)}`,
        async () => String((await this.stateAt(place, log)).inSync) === String(places),
      );
  }

  /** Waits until a broker can read up to an offset: followers learn the high watermark later. */
  async readable(log: TopicPartition, place: number, end: number): Promise<void> {
    const broker = this.at(place);
    const isReached = async () => (await broker.ask(listOffset(log, -1, LATEST, READ_COMMITTED))).offset >= end;
    await this.until(`broker ${place} has all records`, isReached);
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.usual.close(), this.#connections.waiting.close()]);
  }

  get #operator(): Operator {
    if (this.operator === undefined) throw new Error('this cluster has no operator');
    return this.operator;
  }

  /** The places of the brokers that are not frozen. */
  get #running(): number[] {
    return this.brokers.map((_, index) => index + 1).filter((place) => !this.#frozen.has(place));
  }

  #idAt(place: number): number {
    return this.brokers[place - 1]!.id;
  }

  #placeOf(id: number): number {
    const index = this.brokers.findIndex((broker) => broker.id === id);
    return index < 0 ? NONE : index + 1;
  }

  /** A broker that runs knows the leader first, and takes over its part a moment later. */
  async #ledBy(log: TopicPartition, to: number): Promise<void> {
    for (const place of this.#running)
      await this.until(`broker ${to} leads ${log.topic}`, async () => {
        const { leader, leaderEpoch } = await this.stateAt(place, log);
        const call = listOffset(log, leaderEpoch, LATEST, READ_COMMITTED);
        return leader === to && !NOT_LEARNT.includes((await this.at(place).ask(call)).errorCode);
      });
  }
}
