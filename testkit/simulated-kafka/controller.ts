/** The controller: it decides which brokers are up, who leads each partition, and which topics exist. */
import { INTERNAL_TOPICS, NO_LEADER, type Image, type PartitionState, type TopicState } from './image.js';

const HEX_DIGITS_OF_ID = 32;
const INTERNAL_PARTITIONS = 5;

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly settings?: ReadonlyMap<string, string>;
  /** The replicas of each partition, in place of `partitions` and `replication`; empty for the controller's choice. */
  readonly assignments?: readonly (readonly number[])[];
}

export class Controller {
  #image: Image;

  /** @param publish sends the brokers each new image */
  constructor(
    private readonly addresses: ReadonlyMap<number, string>,
    private readonly replication: number,
    private readonly random: () => number,
    private readonly publish: (image: Image) => void,
  ) {
    this.#image = { version: 0, brokers: addresses, topics: new Map() };
    const settings = new Map([
      ['cleanup.policy', 'compact'],
      ['min.insync.replicas', String(Math.max(1, replication - 1))],
    ]);
    for (const topic of INTERNAL_TOPICS)
      this.createTopic({ topic, partitions: INTERNAL_PARTITIONS, replication, settings });
  }

  get image(): Image {
    return this.#image;
  }

  /** The ids of all brokers, also of those that are down. */
  get allBrokers(): Iterable<number> {
    return this.addresses.keys();
  }

  get defaultReplication(): number {
    return this.replication;
  }

  /** The caller has checked the request. */
  createTopic({ topic, partitions, replication, settings = new Map(), assignments = [] }: NewTopic): void {
    const topicId = Array.from({ length: HEX_DIGITS_OF_ID }, () => Math.floor(this.random() * 16).toString(16)).join(
      '',
    );
    const states =
      assignments.length > 0
        ? assignments.map((replicas, partition) => this.#newPartition(partition, replicas))
        : this.#newPartitions(0, partitions, replication);
    this.#setTopic({ topic, topicId, settings, partitions: states });
  }

  deleteTopic(topic: string): void {
    const topics = new Map(this.#image.topics);
    topics.delete(topic);
    this.#change({ topics });
  }

  addPartitions(topic: string, count: number): void {
    const state = this.#topic(topic);
    const added = this.#newPartitions(
      state.partitions.length,
      count - state.partitions.length,
      state.partitions[0]!.replicas.length,
    );
    this.#setTopic({ ...state, partitions: [...state.partitions, ...added] });
  }

  setSettings(topic: string, settings: ReadonlyMap<string, string>): void {
    this.#setTopic({ ...this.#topic(topic), settings });
  }

  /** Counts a broker as down: other in-sync replicas take over its partitions. */
  fence(id: number): void {
    if (!this.#image.brokers.has(id)) return;
    const brokers = new Map(this.#image.brokers);
    brokers.delete(id);
    this.#change({ brokers, topics: this.#eachPartition((state) => elected(without(state, id), brokers)) });
  }

  unfence(id: number): void {
    if (this.#image.brokers.has(id)) return;
    const brokers = new Map(this.#image.brokers).set(id, this.addresses.get(id)!);
    this.#change({ brokers, topics: this.#eachPartition((state) => elected(state, brokers)) });
  }

  /** A leader reports that a follower has caught up. */
  joinInSync(topic: string, partition: number, leaderEpoch: number, id: number): void {
    const state = this.#image.topics.get(topic)?.partitions[partition];
    if (state?.leaderEpoch !== leaderEpoch || state.inSync.includes(id) || !this.#image.brokers.has(id)) return;
    this.#setPartition(topic, { ...state, inSync: [...state.inSync, id] });
  }

  /** Elects a replica that is in sync. */
  moveLeader(topic: string, partition: number, to: number): void {
    const state = this.#topic(topic).partitions[partition]!;
    if (!state.inSync.includes(to)) throw new Error(`broker ${to} is not in sync for ${topic}-${partition}`);
    this.#setPartition(topic, { ...state, leader: to, leaderEpoch: state.leaderEpoch + 1 });
  }

  /** Elects a replica although it may lack records: the others drop what it does not have. */
  electUnclean(topic: string, partition: number, to: number): void {
    const state = this.#topic(topic).partitions[partition]!;
    this.#setPartition(topic, { ...state, leader: to, inSync: [to], leaderEpoch: state.leaderEpoch + 1 });
  }

  #newPartitions(first: number, count: number, replication: number): PartitionState[] {
    const ids = [...this.addresses.keys()].sort((a, b) => a - b);
    const offset = Math.floor(this.random() * ids.length);
    return Array.from({ length: count }, (_, index) => {
      const partition = first + index;
      const replicas = Array.from({ length: replication }, (_each, i) => ids[(offset + partition + i) % ids.length]!);
      return this.#newPartition(partition, replicas);
    });
  }

  /** Brokers that are down may have replicas too. They come in sync later. */
  #newPartition(partition: number, replicas: readonly number[]): PartitionState {
    const inSync = replicas.filter((id) => this.#image.brokers.has(id));
    return { partition, replicas, inSync, leader: inSync[0] ?? NO_LEADER, leaderEpoch: 0 };
  }

  #topic(topic: string): TopicState {
    const state = this.#image.topics.get(topic);
    if (state === undefined) throw new Error(`the simulated cluster has no topic ${topic}`);
    return state;
  }

  #setPartition(topic: string, state: PartitionState): void {
    const before = this.#topic(topic);
    const partitions = before.partitions.map((each) => (each.partition === state.partition ? state : each));
    this.#setTopic({ ...before, partitions });
  }

  #setTopic(state: TopicState): void {
    this.#change({ topics: new Map(this.#image.topics).set(state.topic, state) });
  }

  #eachPartition(change: (state: PartitionState) => PartitionState): Map<string, TopicState> {
    const changed = [...this.#image.topics.values()].map((topic) => ({
      ...topic,
      partitions: topic.partitions.map(change),
    }));
    return new Map(changed.map((topic) => [topic.topic, topic]));
  }

  #change(change: Partial<Pick<Image, 'brokers' | 'topics'>>): void {
    this.#image = { ...this.#image, ...change, version: this.#image.version + 1 };
    this.publish(this.#image);
  }
}

/** Removes a broker from the in-sync replicas. The last one stays: only it has all records. */
function without(state: PartitionState, id: number): PartitionState {
  const inSync = state.inSync.filter((each) => each !== id);
  return inSync.length === 0 ? state : { ...state, inSync };
}

function elected(state: PartitionState, brokers: ReadonlyMap<number, string>): PartitionState {
  if (state.leader !== NO_LEADER && brokers.has(state.leader)) return state;
  const leader = state.replicas.find((id) => brokers.has(id) && state.inSync.includes(id)) ?? NO_LEADER;
  return leader === state.leader ? state : { ...state, leader, leaderEpoch: state.leaderEpoch + 1 };
}
