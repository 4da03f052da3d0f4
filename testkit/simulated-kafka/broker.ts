/** One simulated broker: its view of the metadata, its replicas, its coordinators and its connections. */
import {
  FENCED_LEADER_EPOCH,
  NOT_LEADER_OR_FOLLOWER,
  UNKNOWN_LEADER_EPOCH,
  UNKNOWN_TOPIC_OR_PARTITION,
} from './error-codes.js';
import { GroupCoordinator } from './groups/group-coordinator.js';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC, type Image, type TopicState } from './image.js';
import { Replica } from './log/replica.js';
import { Replication } from './log/replication.js';
import { TransactionCoordinator } from './transactions/transaction-coordinator.js';
import { Verification } from './transactions/verification.js';
import type { World } from './world.js';

export interface OpenConnection {
  /** Closes the connection from the broker's side. */
  end(): void;
}

const NO_EPOCH = -1;

export class Broker {
  isUp = true;
  /** Whether it can reach neither the other brokers nor the controller. It keeps serving its clients. */
  isCutOff = false;
  /** How long it delays requests of clients that exceed a quota, in milliseconds; 0 for no quota. */
  throttleMs = 0;
  readonly connections = new Set<OpenConnection>();
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly replication: Replication;
  readonly verification: Verification;
  /** By topic id, then by partition. */
  readonly #replicas = new Map<string, Map<number, Replica>>();
  #view: Image;

  constructor(
    readonly id: number,
    readonly address: string,
    readonly world: World,
  ) {
    this.#view = { version: -1, brokers: new Map(), topics: new Map() };
    this.replication = new Replication(world);
    this.verification = new Verification(this);
    this.groups = new GroupCoordinator(this);
    this.transactions = new TransactionCoordinator(this);
  }

  /** What this broker knows of the cluster, which may be old. */
  get view(): Image {
    return this.#view;
  }

  get replicas(): Iterable<Replica> {
    return [...this.#replicas.values()].flatMap((replicas) => [...replicas.values()]);
  }

  replicaOf(topicId: string, partition: number): Replica | undefined {
    return this.#replicas.get(topicId)?.get(partition);
  }

  /** The replica for a request that only a leader answers, or the error code. */
  leaderReplica(topic: string, partition: number, leaderEpoch = NO_EPOCH): Replica | number {
    const replica = this.anyReplica(topic, partition, leaderEpoch);
    return typeof replica === 'number' || replica.isLeader ? replica : NOT_LEADER_OR_FOLLOWER;
  }

  /** The replica for a request that followers answer too, or the error code. */
  anyReplica(topic: string, partition: number, leaderEpoch = NO_EPOCH): Replica | number {
    const state = this.#view.topics.get(topic);
    if (state?.partitions[partition] === undefined) return UNKNOWN_TOPIC_OR_PARTITION;
    const replica = this.replicaOf(state.topicId, partition);
    if (replica === undefined) return NOT_LEADER_OR_FOLLOWER;
    const known = replica.state.leaderEpoch;
    if (leaderEpoch !== NO_EPOCH && leaderEpoch < known) return FENCED_LEADER_EPOCH;
    if (leaderEpoch > known) return UNKNOWN_LEADER_EPOCH;
    return replica;
  }

  /** Takes over a newer image of the metadata. */
  learn(image: Image): void {
    if (!this.isUp || image.version <= this.#view.version) return;
    const before = this.#view;
    this.#view = image;
    const ids = new Set([...image.topics.values()].map(({ topicId }) => topicId));
    for (const [topicId, replicas] of this.#replicas) {
      if (ids.has(topicId)) continue;
      this.#replicas.delete(topicId);
      for (const replica of replicas.values()) {
        replica.isDeleted = true;
        replica.changed();
      }
    }
    for (const topic of image.topics.values()) this.#learnTopic(topic);
    for (const { topic, topicId } of before.topics.values())
      if (!ids.has(topicId)) this.groups.deleteOffsetsOfTopic(topic);
  }

  /** The process ends: its connections and all that it held in memory are gone. */
  stop(): void {
    this.isUp = false;
    for (const connection of [...this.connections]) connection.end();
    this.#resign();
  }

  start(): void {
    this.isUp = true;
  }

  #learnTopic(topic: TopicState): void {
    for (const state of topic.partitions) {
      if (!state.replicas.includes(this.id)) continue;
      const replicas = this.#replicas.get(topic.topicId) ?? new Map<number, Replica>();
      this.#replicas.set(topic.topicId, replicas);
      const replica = replicas.get(state.partition) ?? new Replica(this.id, topic, state.partition);
      replicas.set(state.partition, replica);
      const hasMoved = replica.apply(topic, state);
      if (hasMoved) this.#lead(replica);
      const leader = this.world.broker(state.leader);
      if (leader !== undefined) leader.replicate(topic.topicId, state.partition);
    }
  }

  replicate(topicId: string, partition: number): void {
    const replica = this.replicaOf(topicId, partition);
    if (replica?.isLeader === true && replica.state.replicas.length > 1) this.replication.schedule(this, replica);
  }

  /** Followers fetch from each replica that this broker leads. */
  replicateAll(): void {
    if (!this.isUp) return;
    for (const { topic, state } of this.replicas) this.replicate(topic.topicId, state.partition);
  }

  /** Loads or drops the groups or transactional ids of a partition of an internal topic. */
  #lead(replica: Replica): void {
    if (replica.topic.topic === OFFSETS_TOPIC) this.groups.lead(replica);
    if (replica.topic.topic === TRANSACTIONS_TOPIC) this.transactions.lead(replica);
  }

  /** Forgets the leaderships: after a start, the broker learns them again. */
  #resign(): void {
    this.#view = { ...this.#view, version: -1 };
    for (const replica of this.replicas) {
      const { topic, state } = replica;
      if (replica.apply(topic, { ...state, leader: -1, leaderEpoch: -1 })) this.#lead(replica);
    }
  }
}
