/** Connections to brokers by address, made and kept by kafkajs: TCP, TLS, SASL and request time-outs are its. */
import { createCluster, type Broker, type Cluster, type KafkaConfig } from './cluster.js';

/** A broker as its connections see it: what is asked of this broker rather than of the cluster. */
export interface ConnectedBroker extends Broker {
  findGroupCoordinator(request: {
    groupId: string;
    coordinatorType: number;
  }): Promise<{ coordinator: { host: string; port: number } }>;
  listOffsets(request: {
    replicaId: number;
    isolationLevel: number;
    topics: readonly { topic: string; partitions: readonly { partition: number; timestamp: number }[] }[];
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>;
}

/** kafkajs's own: the broker that a cluster object was told to begin with. */
interface SeededCluster {
  readonly brokerPool: { readonly seedBroker: ConnectedBroker | undefined };
}

/**
 * One kafkajs cluster object for each address, of which only the seed broker is used. So kafkajs's metadata, with its
 * retries and its refusal of all topics for the fault of one, stays out of the way of reading.
 */
export class BrokerConnections {
  readonly #clusters = new Map<string, Cluster>();
  #closed = false;

  constructor(private readonly config: KafkaConfig) {}

  /**
   * Connects where that is not done. One attempt: the caller retries.
   * @throws what kafkajs throws where the broker cannot be reached or refuses
   */
  async to(address: string): Promise<ConnectedBroker> {
    if (this.#closed) throw new Error('the connections to the brokers have been closed');
    let cluster = this.#clusters.get(address);
    if (cluster === undefined) {
      cluster = createCluster({ ...this.config, brokers: [address], retry: { retries: 0 } });
      this.#clusters.set(address, cluster);
    }
    await cluster.connect();
    const broker = (cluster as unknown as SeededCluster).brokerPool.seedBroker;
    if (broker === undefined) throw new Error(`kafkajs has no seed broker for ${address}: is it not version 2.2.4?`);
    return broker;
  }

  /** Gives up a connection that failed, so that the next use makes a new one. Requests still in flight on it end. */
  drop(address: string): void {
    const cluster = this.#clusters.get(address);
    this.#clusters.delete(address);
    // Whatever goes wrong in closing a broken connection has no one to tell: the failure is known already.
    cluster?.disconnect().catch(() => undefined);
  }

  /** Resolves when all requests in flight have ended and all connections are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    const clusters = [...this.#clusters.values()];
    this.#clusters.clear();
    await Promise.allSettled(clusters.map((cluster) => cluster.disconnect()));
  }
}
