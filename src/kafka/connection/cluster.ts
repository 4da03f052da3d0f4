/**
 * The part of kafkajs below its clients: cluster, broker and connection objects, typed as far as they are used here.
 *
 * kafkajs does not export them, but every `Kafka` object keeps the factory that its own clients use under a symbol.
 * The version of kafkajs is pinned exactly, and `createCluster` fails at once where the factory is not there.
 */
import { Kafka, type KafkaConfig as KafkaJsConfig } from 'kafkajs';
import type { Broker } from '../protocol/protocol-call.js';

/** How to reach the brokers; what kafkajs takes, less what would change how it behaves. */
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
  /** Node id; -1 without one. */
  readonly leader: number;
  readonly partitionErrorCode: number;
}

export interface Cluster {
  connect(): Promise<void>;
  /** Waits for the requests in flight, then closes all connections. */
  disconnect(): Promise<void>;
  /** Adds topics to those whose metadata is kept, and fetches it where one is new. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** From the metadata kept; empty for a topic that is not there. */
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  /** Connects to the broker where that is not done yet. */
  findBroker(node: { nodeId: number | string }): Promise<Broker>;
  findGroupCoordinator(request: {
    /** Of the group, or the transactional id. */
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

/** A cluster with connections of its own, shared with nobody. It never makes the broker create a topic. */
export function createCluster(config: KafkaConfig): Cluster {
  const kafka = new Kafka(config);
  const symbol = Object.getOwnPropertySymbols(kafka).find((s) => s.description === FACTORY_SYMBOL);
  if (symbol === undefined) throw new Error(`kafkajs keeps no ${FACTORY_SYMBOL}: is it another version than 2.2.4?`);
  const factory = (kafka as unknown as Record<symbol, (options: ClusterOptions) => Cluster>)[symbol];
  if (factory === undefined) throw new Error(`kafkajs's ${FACTORY_SYMBOL} is empty`);
  return factory({
    allowAutoTopicCreation: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    isolationLevel: READ_COMMITTED,
  });
}
