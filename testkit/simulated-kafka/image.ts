/** The metadata of the cluster. An image is never changed: the controller makes a new one for each change. */
export interface PartitionState {
  readonly partition: number;
  /** Broker ids, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  /** NO_LEADER if no in-sync replica is up. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicState {
  readonly topic: string;
  /** 32 hexadecimal digits. */
  readonly topicId: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly partitions: readonly PartitionState[];
}

export interface Image {
  readonly version: number;
  /** Addresses of the brokers that the controller counts as up. */
  readonly brokers: ReadonlyMap<number, string>;
  readonly topics: ReadonlyMap<string, TopicState>;
}

export const NO_LEADER = -1;
export const NO_UUID = '0'.repeat(32);
export const OFFSETS_TOPIC = '__consumer_offsets';
export const TRANSACTIONS_TOPIC = '__transaction_state';
export const INTERNAL_TOPICS: readonly string[] = [OFFSETS_TOPIC, TRANSACTIONS_TOPIC];

/** How many in-sync replicas a write to all of them needs. Never more than the partition has replicas. */
export function leastInSync(topic: TopicState, state: PartitionState): number {
  return Math.min(state.replicas.length, Number(topic.settings.get('min.insync.replicas') ?? 1));
}

/** The partition of an internal topic that holds a group or a transactional id: Java's String.hashCode. */
export function partitionOfKey(key: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(31, hash) + key.charCodeAt(i)) | 0;
  return (hash & 0x7fff_ffff) % partitions;
}
