/**
 * What a single broker reports about the cluster. The report may be wrong: a broker that is cut off does not know that
 * it is.
 */
import { logLevel } from 'kafkajs';
import { COORDINATOR_OF_GROUP, createCluster, type Cluster } from '../../src/kafka/connection/cluster.js';
import type { Broker as BrokerConnection } from '../../src/kafka/protocol/protocol-call.js';
import type { Broker } from '../../testkit/cluster/cluster.js';

/** kafkajs's own, as far as it is used here. */
interface AskedBroker extends BrokerConnection {
  metadata(topics: readonly string[]): Promise<{
    readonly topicMetadata: readonly {
      readonly topic: string;
      readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
    }[];
  }>;
  findGroupCoordinator(request: {
    groupId: string;
    coordinatorType: number;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
  listOffsets(request: {
    replicaId: number;
    isolationLevel: number;
    topics: readonly { topic: string; partitions: readonly { partition: number; timestamp: number }[] }[];
  }): Promise<{
    readonly responses: readonly { readonly partitions: readonly { partition: number; offset: string }[] }[];
  }>;
}

const TIMEOUT_MS = 3_000;
const READ_COMMITTED = 1;
const LATEST = -1;

/** Each request is one attempt over its own connection. It rejects if the broker does not answer or refuses. */
export class BrokerView {
  constructor(private readonly broker: Pick<Broker, 'address'>) {}

  /** Node ids by `<topic>/<partition>`; -1 without a leader. */
  leaders(topics: readonly string[]): Promise<Map<string, number>> {
    return this.#ask(async (broker) => {
      const { topicMetadata } = await broker.metadata(topics);
      return new Map(
        topicMetadata.flatMap(({ topic, partitionMetadata }) =>
          partitionMetadata.map(({ partitionId, leader }) => [`${topic}/${partitionId}`, leader] as const),
        ),
      );
    });
  }

  /** Its node id. */
  groupCoordinator(groupId: string): Promise<number> {
    return this.#ask(async (broker) => {
      const request = { groupId, coordinatorType: COORDINATOR_OF_GROUP };
      return (await broker.findGroupCoordinator(request)).coordinator.nodeId;
    });
  }

  /** The last stable offset, if this broker believes that it is the leader. */
  end(topic: string, partition: number): Promise<number> {
    return this.#ask(async (broker) => {
      const topics = [{ topic, partitions: [{ partition, timestamp: LATEST }] }];
      const { responses } = await broker.listOffsets({ replicaId: -1, isolationLevel: READ_COMMITTED, topics });
      return Number(responses[0]?.partitions[0]?.offset);
    });
  }

  /** The group's offset by partition, if this broker believes that it is the coordinator. */
  committed(groupId: string, topic: string, partitions: number): Promise<number[]> {
    return this.#ask(async (broker) => {
      const asked = Array.from({ length: partitions }, (_, partition) => ({ partition }));
      const { responses } = await broker.offsetFetch({ groupId, topics: [{ topic, partitions: asked }] });
      const offsets = new Map(responses[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return asked.map(({ partition }) => offsets.get(partition) ?? -1);
    });
  }

  async #ask<T>(question: (broker: AskedBroker) => Promise<T>): Promise<T> {
    const cluster = createCluster({
      brokers: [this.broker.address],
      logLevel: logLevel.NOTHING,
      requestTimeout: TIMEOUT_MS,
      connectionTimeout: TIMEOUT_MS,
      retry: { retries: 0 },
    });
    try {
      await cluster.connect();
      const { seedBroker } = (cluster as Cluster & { readonly brokerPool: { readonly seedBroker: AskedBroker } })
        .brokerPool;
      return await question(seedBroker);
    } finally {
      await cluster.disconnect();
    }
  }
}
