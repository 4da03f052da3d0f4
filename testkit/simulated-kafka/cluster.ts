/**
 * A simulated Kafka cluster in memory, which speaks the wire protocol. It has no clock, no timers and no randomness of
 * its own: with the same time, the same random numbers and the same bytes it does the same.
 */
import { BrokerConnection } from './connection.js';
import { Controller, type NewTopic } from './controller.js';
import { Broker } from './broker.js';
import { OFFSETS_TOPIC, partitionOfKey, TRANSACTIONS_TOPIC, type Image, type PartitionState } from './image.js';
import type { Replica } from './log/replica.js';
import { HANGING_PRODUCER, plainBatch, transactionalBatch, type Batch } from './log/batch.js';
import { readRecords, type Isolation, type SimulatedRecord } from './log/read-records.js';
import type { RecordToWrite } from '../../src/lib/record.js';
import { BROKER_SETTINGS, USUAL_DELAYS, type ClusterOptions, type Delays, type World } from './world.js';

/** The broker's end of a connection. */
export interface AcceptedConnection {
  receive(bytes: Buffer): void;
  /** The client has closed the connection. */
  closed(): void;
}

export interface LogEnds {
  readonly end: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
}

const FIRST_PORT = 9001;

export class SimulatedCluster {
  readonly #brokers: ReadonlyMap<number, Broker>;
  readonly #controller: Controller;
  readonly #world: World;
  readonly #delays: Delays;

  constructor(private readonly options: ClusterOptions) {
    this.#delays = { ...USUAL_DELAYS, ...options.delays };
    const ids = Array.from({ length: options.brokers }, (_, index) => index + 1);
    const addresses = new Map(ids.map((id) => [id, `broker-${id}:${FIRST_PORT + id - 1}`]));
    // The brokers learn the first image at once.
    let publish: (image: Image) => void = () => undefined;
    this.#controller = new Controller(addresses, options.replication, options.random, (image) => publish(image));
    this.#world = this.#makeWorld();
    this.#brokers = new Map([...addresses].map(([id, address]) => [id, new Broker(id, address, this.#world)]));
    for (const broker of this.#brokers.values()) broker.learn(this.#controller.image);
    publish = (image) => {
      for (const broker of this.#brokers.values()) this.#inform(broker, image);
    };
  }

  /** For what an operator or another producer does to the cluster (`operations/`). */
  get world(): World {
    return this.#world;
  }

  /** host:port of each broker; the first has the id 1. */
  addresses(): string[] {
    return [...this.#brokers.values()].map(({ address }) => address);
  }

  /**
   * Accepts a connection to a broker.
   * @throws if no broker that is up has this address
   */
  accept(address: string, send: (bytes: Buffer) => void, close: () => void): AcceptedConnection {
    const broker = [...this.#brokers.values()].find((each) => each.address === address);
    if (broker?.isUp !== true) throw new Error(`connect ECONNREFUSED ${address}`);
    return new BrokerConnection(broker, send, close);
  }

  createTopic(topic: string, options: Partial<Omit<NewTopic, 'topic'>> = {}): void {
    this.#controller.createTopic({ topic, partitions: 1, replication: this.options.replication, ...options });
  }

  /** @param count of all partitions of the topic */
  addPartitions(topic: string, count: number): void {
    this.#controller.addPartitions(topic, count);
  }

  deleteTopic(topic: string): void {
    this.#controller.deleteTopic(topic);
  }

  /** What the controller knows of a partition. */
  partition(topic: string, partition: number): PartitionState {
    const state = this.#controller.image.topics.get(topic)?.partitions[partition];
    if (state === undefined) throw new Error(`the simulated cluster has no partition ${topic}-${partition}`);
    return state;
  }

  /** All records of a partition, as its leader has them now. */
  read(topic: string, partition: number, isolation: Isolation): SimulatedRecord[] {
    const replica = this.#leaderReplica(topic, partition);
    return replica === undefined ? [] : readRecords(replica, isolation);
  }

  /** Where a partition ends, as its leader has it now; null without a leader. */
  ends(topic: string, partition: number): LogEnds | null {
    const replica = this.#leaderReplica(topic, partition);
    if (replica === undefined) return null;
    const { log, highWatermark, lastStableOffset } = replica;
    return { end: log.end, highWatermark, lastStableOffset };
  }

  /**
   * Appends a record, as a producer without transactions does.
   * @returns its offset; null if the partition takes no record now
   */
  append(topic: string, partition: number, record: RecordToWrite, timestamp: number): number | null {
    return this.#append(topic, partition, plainBatch(record, timestamp));
  }

  /**
   * Appends a record of a transaction that hangs: no coordinator knows it, so nobody ends it.
   * @returns as `append`
   */
  appendHanging(topic: string, partition: number, record: RecordToWrite, timestamp: number): number | null {
    return this.#append(topic, partition, transactionalBatch(record, timestamp, HANGING_PRODUCER));
  }

  /** The offset that a group has committed; null without an offset, or while no broker coordinates the group. */
  committedOffset(groupId: string, topic: string, partition: number): number | null {
    const home = this.coordinatorPartition('group', groupId);
    const { leader } = this.partition(home.topic, home.partition);
    const found = this.#brokers.get(leader)?.groups.find(groupId);
    return typeof found !== 'object' ? null : (found.offsets.find(topic, partition)?.offset ?? null);
  }

  /** Kills a broker. The controller counts it as up until its session has ended. */
  killBroker(id: number): void {
    this.#broker(id).stop();
    this.#watchSession(id);
  }

  /** Shuts a broker down in the clean way: it gives its leaderships away first. */
  stopBroker(id: number): void {
    this.#controller.fence(id);
    this.#broker(id).stop();
  }

  startBroker(id: number): void {
    const broker = this.#broker(id);
    if (broker.isUp) return;
    broker.start();
    // A broker that registers again loses the leaderships of its former process.
    this.#controller.fence(id);
    this.#return(broker);
  }

  /** Cuts a broker off from the controller and its peers. It keeps serving its clients with what it knows. */
  cutOff(id: number): void {
    this.#broker(id).isCutOff = true;
    this.#watchSession(id);
  }

  reconnect(id: number): void {
    const broker = this.#broker(id);
    if (!broker.isCutOff) return;
    broker.isCutOff = false;
    if (broker.isUp) this.#return(broker);
  }

  /** Moves a leadership to a replica that is in sync. */
  moveLeader(topic: string, partition: number, to: number): void {
    this.#controller.moveLeader(topic, partition, to);
  }

  /**
   * Elects a replica as if it were behind: the records from an offset on are lost, and the other replicas drop them.
   * @param lostFrom without it, the replica keeps what it has
   */
  electUnclean(topic: string, partition: number, to: number, lostFrom = Infinity): void {
    const replica = this.#replica(to, topic, partition);
    replica.log.truncate(lostFrom);
    replica.highWatermark = Math.min(replica.highWatermark, replica.log.end);
    this.#controller.electUnclean(topic, partition, to);
  }

  /** The partition that holds a group or a transactional id: its leader is the coordinator. */
  coordinatorPartition(
    kind: 'group' | 'transaction',
    key: string,
  ): { readonly topic: string; readonly partition: number } {
    const topic = kind === 'group' ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
    const partitions = this.#controller.image.topics.get(topic)?.partitions.length ?? 1;
    return { topic, partition: partitionOfKey(key, partitions) };
  }

  moveCoordinator(kind: 'group' | 'transaction', key: string, to: number): void {
    const { topic, partition } = this.coordinatorPartition(kind, key);
    this.moveLeader(topic, partition, to);
  }

  /** Aborts all transactions that are over their time, without the wait for the coordinators' next search. */
  expireTransactions(): void {
    for (const broker of this.#brokers.values()) if (broker.isUp) broker.transactions.expire();
  }

  /** Deletes a group's offsets, also those of a group with members. Nothing happens while the group has no coordinator. */
  deleteOffsets(groupId: string, topic: string, partitions: readonly number[]): void {
    const { topic: offsets, partition: home } = this.coordinatorPartition('group', groupId);
    const coordinator = this.#brokers.get(this.partition(offsets, home).leader);
    if (coordinator === undefined) return;
    const deleted = partitions.map((partition) => ({ topic, partition }));
    coordinator.groups.deleteOffsets(groupId, deleted, () => undefined);
  }

  /** Limits the clients of a broker: each Produce and Fetch delays the connection's next request. 0 ends the limit. */
  throttle(id: number, ms: number): void {
    this.#broker(id).throttleMs = ms;
  }

  #append(topic: string, partition: number, batch: Batch): number | null {
    const { leader } = this.partition(topic, partition);
    const broker = this.#brokers.get(leader);
    if (broker === undefined || !broker.isUp || broker.isCutOff) return null;
    const replica = this.#leaderReplica(topic, partition);
    if (replica?.isLeader !== true || replica.isUnderLeastInSync) return null;
    const { baseOffset } = replica.append(batch);
    broker.replication.schedule(broker, replica);
    return baseOffset;
  }

  #makeWorld(): World {
    const { time, random, settings } = this.options;
    const isReachable = ({ isUp, isCutOff }: Broker): boolean => isUp && !isCutOff;
    return {
      time,
      random,
      delays: this.#delays,
      settings: new Map(Object.entries({ ...BROKER_SETTINGS, ...settings })),
      controller: this.#controller,
      broker: (id) => this.#brokers.get(id),
      connects: (one, other) => (one === other ? one.isUp : isReachable(one) && isReachable(other)),
      soon: (delay, run) => time.after(random() * this.#delays[delay], run),
    };
  }

  /** A broker learns images some time later, but in their order. */
  #inform(broker: Broker, image: Image): void {
    this.#world.soon('metadata', () => {
      if (!broker.isCutOff) broker.learn(image);
    });
  }

  #watchSession(id: number): void {
    this.options.time.after(this.#delays.session, () => {
      const { isUp, isCutOff } = this.#broker(id);
      if (!isUp || isCutOff) this.#controller.fence(id);
    });
  }

  #return(broker: Broker): void {
    this.#world.soon('metadata', () => {
      this.#controller.unfence(broker.id);
      this.#inform(broker, this.#controller.image);
      // Followers fetch all the time: they get what was appended meanwhile.
      for (const each of this.#brokers.values()) each.replicateAll();
    });
  }

  #broker(id: number): Broker {
    const broker = this.#brokers.get(id);
    if (broker === undefined) throw new Error(`the simulated cluster has no broker ${id}`);
    return broker;
  }

  /** Undefined without a leader, or while the leader does not know the topic yet. */
  #leaderReplica(topic: string, partition: number): Replica | undefined {
    const topicId = this.#controller.image.topics.get(topic)?.topicId ?? '';
    return this.#brokers.get(this.partition(topic, partition).leader)?.replicaOf(topicId, partition);
  }

  #replica(id: number, topic: string, partition: number): Replica {
    const topicId = this.#controller.image.topics.get(topic)?.topicId ?? '';
    const replica = this.#broker(id).replicaOf(topicId, partition);
    if (replica === undefined) throw new Error(`broker ${id} has no replica of ${topic}-${partition}`);
    return replica;
  }
}
