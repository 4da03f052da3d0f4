/** Connections to brokers by address, made and kept by kafkajs: TCP, TLS, SASL and request time-outs are its. */
import { createCluster, type Cluster, type KafkaConfig } from './cluster.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';

/**
 * One kafkajs cluster object for each address, of which only the seed broker is used. So kafkajs's metadata, with its
 * retries and its refusal of all topics for the fault of one, stays out of the way of reading.
 */
export class BrokerConnections {
  readonly #links = new Map<string, Link>();
  /** A connection was lost since `lostOne` was called last. */
  #lostOne = false;
  #closed = false;

  constructor(private readonly config: KafkaConfig) {}

  /**
   * Connects where that is not done, and asks. One attempt: the caller retries.
   * @throws what kafkajs throws where the broker cannot be reached, refuses, or does not answer in time
   */
  async ask<T>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the connections to the brokers have been closed');
    let link = this.#links.get(address);
    if (link === undefined) {
      this.#dropLost(); // Brokers come and go under ever new addresses.
      link = new Link({ ...this.config, brokers: [address], retry: { retries: 0 } });
      this.#links.set(address, link);
    }
    return link.ask(question);
  }

  /** Whether a connection was lost since the last call. Lost ones are opened again when they are needed. */
  lostOne(): boolean {
    this.#dropLost();
    const lost = this.#lostOne;
    this.#lostOne = false;
    return lost;
  }

  /** Gives up a connection that failed: the next use makes a new one. What is still in flight on it may end first. */
  drop(address: string): void {
    const link = this.#links.get(address);
    this.#links.delete(address);
    void link?.close();
  }

  #dropLost(): void {
    for (const [address, link] of this.#links)
      if (link.isLost()) {
        this.#lostOne = true;
        this.drop(address);
      }
  }

  /** Resolves when all questions have ended and all connections are closed. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }
}

/** kafkajs's own: the broker that a cluster object was told to begin with. */
interface SeededCluster {
  readonly brokerPool: { readonly seedBroker: ConnectedBroker | undefined };
}

class Link {
  readonly #cluster: Cluster;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Once it was connected. */
  #broker: ConnectedBroker | undefined;

  constructor(config: KafkaConfig) {
    this.#cluster = createCluster(config);
  }

  ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    const answer = this.#connect().then(question);
    this.#inFlight.add(answer);
    return answer.finally(() => this.#inFlight.delete(answer));
  }

  isLost(): boolean {
    return this.#broker !== undefined && !this.#broker.connectionPool.isConnected();
  }

  /**
   * kafkajs must not be told to disconnect while it connects, which a first request does too: it would do nothing, and
   * the connection made a moment later would stay open for good.
   */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    // A connection that fails in closing is closed.
    await this.#cluster.disconnect().catch(() => undefined);
  }

  async #connect(): Promise<ConnectedBroker> {
    await this.#cluster.connect();
    const broker = (this.#cluster as unknown as SeededCluster).brokerPool.seedBroker;
    if (broker === undefined) throw new Error('kafkajs has no seed broker: is it another version than 2.2.4?');
    this.#broker = broker;
    return broker;
  }
}
