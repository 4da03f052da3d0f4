/**
 * kafkajs's internal cluster, broker and connection objects, with types for the parts used here.
 *
 * kafkajs does not export them. But every `Kafka` object has a property, named by a symbol, with the factory that its
 * own clients use. The version of kafkajs is pinned exactly, and `createCluster` fails at once if the factory is
 * missing.
 */
import { Kafka, type KafkaConfig as KafkaJsConfig } from 'kafkajs';
import type { Broker } from '../protocol/protocol-call.js';

/** How to reach the brokers: kafkajs's settings, without those that would change its behaviour. */
export type KafkaConfig = Pick<
  KafkaJsConfig,
  | 'brokers'
  | 'clientId'
  | 'ssl'
  | 'sasl'
  | 'logLevel'
  | 'logCreator'
  | 'retry'
  | 'requestTimeout'
  | 'connectionTimeout'
  | 'authenticationTimeout'
>;

/** Kafka's own numbers (FindCoordinator). */
export const COORDINATOR_OF_GROUP = 0;
export const COORDINATOR_OF_TRANSACTION = 1;

interface PartitionMetadata {
  readonly partitionId: number;
  /** Node id; -1 if there is no leader. */
  readonly leader: number;
  readonly partitionErrorCode: number;
}

export interface Cluster {
  connect(): Promise<void>;
  /** Waits for the requests in flight, then closes all connections. */
  disconnect(): Promise<void>;
  /** Adds topics to the list of topics whose metadata is kept. If one of them is new, fetches the metadata. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** From the metadata kept; empty if the topic does not exist. */
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  /** Connects to the broker if necessary. */
  findBroker(node: { nodeId: number | string }): Promise<Broker>;
  findGroupCoordinator(request: {
    /** The id of the group, or the transactional id. */
    groupId: string;
    coordinatorType: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION;
  }): Promise<Broker>;
}

interface ClusterOptions {
  allowAutoTopicCreation: boolean;
  metadataMaxAge: number;
  isolationLevel: number;
}

const FACTORY_SYMBOL = 'private:Kafka:createCluster';
const METADATA_MAX_AGE_MS = 300_000;
const READ_COMMITTED = 1;

/**
 * Creates a cluster object with its own connections, which it shares with no other. It never lets a broker create a
 * topic.
 */
export function createCluster(config: KafkaConfig): Cluster {
  const kafka = new Kafka(config);
  const symbol = Object.getOwnPropertySymbols(kafka).find((s) => s.description === FACTORY_SYMBOL);
  if (symbol === undefined)
    throw new Error(`kafkajs does not have ${FACTORY_SYMBOL}: install version 2.2.4, which package-lock.json names`);
  const factory = (kafka as unknown as Record<symbol, (options: ClusterOptions) => Cluster>)[symbol];
  if (factory === undefined)
    throw new Error(`${FACTORY_SYMBOL} of kafkajs is empty: install version 2.2.4, which package-lock.json names`);
  return factory({
    allowAutoTopicCreation: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    isolationLevel: READ_COMMITTED,
  });
}
