/** Answers about the cluster as the broker sees it: Metadata and FindCoordinator. */
import type { Broker } from '../broker.js';
import {
  COORDINATOR_NOT_AVAILABLE,
  LEADER_NOT_AVAILABLE,
  NO_ERROR,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
} from '../error-codes.js';
import {
  INTERNAL_TOPICS,
  NO_LEADER,
  NO_UUID,
  OFFSETS_TOPIC,
  partitionOfKey,
  TRANSACTIONS_TOPIC,
  type TopicState,
} from '../image.js';
import { metadataApi } from '../wire/admin-apis.js';
import { findCoordinatorApi } from '../wire/transaction-apis.js';
import { atOnce, handler, type Handler } from './handler.js';

export const CLUSTER_ID = 'simulated-cluster';
/** Every operation that a client may ask about (AclOperation 3 to 12). */
export const ALL_OPERATIONS = 0x1ff8;
const UNKNOWN_OPERATIONS = -(2 ** 31);

const metadata = handler(
  metadataApi,
  atOnce(({ topics, includeClusterOperations, includeTopicOperations }, { broker }) => {
    const { view } = broker;
    const asked = topics ?? [...view.topics.values()].map(({ topic, topicId }) => ({ topic, topicId }));
    const operations = includeTopicOperations ? ALL_OPERATIONS : UNKNOWN_OPERATIONS;
    return {
      throttleMs: 0,
      brokers: [...view.brokers].map(([nodeId, address]) => ({ nodeId, ...hostAndPort(address), rack: null })),
      clusterId: CLUSTER_ID,
      controllerId: [...view.brokers.keys()][0] ?? NO_LEADER,
      topics: asked.map(({ topic, topicId }) => {
        const found =
          topic === null ? [...view.topics.values()].find((each) => each.topicId === topicId) : view.topics.get(topic);
        return { ...(found ? described(broker, found) : unknown(topic, topicId)), operations };
      }),
      operations: includeClusterOperations ? ALL_OPERATIONS : UNKNOWN_OPERATIONS,
    };
  }),
);

function described({ view }: Broker, { topic, topicId, partitions }: TopicState) {
  return {
    errorCode: NO_ERROR,
    topic,
    topicId,
    isInternal: INTERNAL_TOPICS.includes(topic),
    partitions: partitions.map(({ partition, leader, leaderEpoch, replicas, inSync }) => ({
      errorCode: leader === NO_LEADER || !view.brokers.has(leader) ? LEADER_NOT_AVAILABLE : NO_ERROR,
      partition,
      leader: view.brokers.has(leader) ? leader : NO_LEADER,
      leaderEpoch,
      replicas,
      // Without a leader, the last replica that was in sync is only eligible (KIP-966).
      inSync: leader === NO_LEADER ? [] : inSync,
      offline: replicas.filter((id) => !view.brokers.has(id)),
    })),
  };
}

function unknown(topic: string | null, topicId: string) {
  const errorCode = topic === null ? UNKNOWN_TOPIC_ID : UNKNOWN_TOPIC_OR_PARTITION;
  return {
    errorCode,
    topic: topic ?? '',
    topicId: topic === null ? topicId : NO_UUID,
    isInternal: false,
    partitions: [],
  };
}

const OF_TRANSACTION = 1;

const findCoordinator = handler(
  findCoordinatorApi,
  atOnce(({ key, kind }, { broker }) => {
    const topic = broker.view.topics.get(kind === OF_TRANSACTION ? TRANSACTIONS_TOPIC : OFFSETS_TOPIC);
    const nodeId = topic?.partitions[partitionOfKey(key, topic.partitions.length)]?.leader ?? NO_LEADER;
    const address = broker.view.brokers.get(nodeId);
    const answer = { throttleMs: 0, errorMessage: null };
    if (address === undefined)
      return { ...answer, errorCode: COORDINATOR_NOT_AVAILABLE, nodeId: NO_LEADER, host: '', port: -1 };
    return { ...answer, errorCode: NO_ERROR, nodeId, ...hostAndPort(address) };
  }),
);

function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

export const METADATA_HANDLERS: readonly Handler[] = [metadata, findCoordinator];
