/** Which broker leads which partition, as far as is known. */
import type { TopicPartition } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import type { BrokerConnections } from './broker-connections.js';
import type { KafkaConfig } from './cluster.js';
import { METADATA_OK, METADATA_UNKNOWN_TOPIC, metadataCall, type TopicMetadata } from './metadata-protocol.js';

/** The cluster does not know the topic or partition, or not yet. */
export class UnknownPartitionError extends Error {
  override readonly name = 'UnknownPartitionError';
}

/**
 * Leaders are looked up topic by topic when first asked for and after `forget`; what the brokers answer to a request
 * for a partition that they do not lead is what makes callers forget.
 */
export class LeaderDirectory {
  readonly #leaders = new Map<string, string>();
  readonly #lookUps = new Map<string, Promise<TopicMetadata>>();
  /** Where metadata is asked for: the brokers configured, and those learnt from them. */
  #brokers: readonly string[] = [];
  #nextBroker = 0;

  constructor(
    private readonly config: Pick<KafkaConfig, 'brokers'>,
    private readonly connections: BrokerConnections,
  ) {}

  /** host:port of the leader as far as known, without asking anybody. */
  known(at: TopicPartition): string | undefined {
    return this.#leaders.get(nameOf(at));
  }

  forget(at: TopicPartition): void {
    this.#leaders.delete(nameOf(at));
  }

  /**
   * host:port of the leader, asked of the cluster where it is not known.
   * @throws UnknownPartitionError; BrokerError while there is no leader; what kafkajs throws for a failed connection
   */
  async find(at: TopicPartition): Promise<string> {
    const known = this.known(at);
    if (known !== undefined) return known;
    const metadata = await this.#lookUp(at.topic);
    if (!metadata.leaders.has(at.partition)) throw new UnknownPartitionError(`there is no partition ${nameOf(at)}`);
    const found = this.known(at);
    if (found === undefined) throw new BrokerError(`${nameOf(at)} has no leader now`);
    return found;
  }

  /** Asks for the leaders of a topic whatever is known; what is known holds until the answer is there. */
  async refresh(topic: string): Promise<void> {
    await this.#lookUp(topic);
  }

  /** Any broker, another one after each failure reported to `avoid`. */
  async anyBroker(): Promise<string> {
    if (this.#brokers.length === 0) this.#brokers = await this.#configured();
    const address = this.#brokers[this.#nextBroker % this.#brokers.length];
    if (address === undefined) throw new BrokerError('no broker is configured');
    return address;
  }

  avoid(address: string): void {
    if (this.#brokers[this.#nextBroker % this.#brokers.length] === address) this.#nextBroker++;
    this.connections.drop(address);
  }

  #lookUp(topic: string): Promise<TopicMetadata> {
    let lookUp = this.#lookUps.get(topic);
    if (lookUp === undefined) {
      lookUp = this.#ask(topic).finally(() => this.#lookUps.delete(topic));
      this.#lookUps.set(topic, lookUp);
    }
    return lookUp;
  }

  async #ask(topic: string): Promise<TopicMetadata> {
    const address = await this.anyBroker();
    let metadata: TopicMetadata;
    try {
      metadata = await this.connections.ask(address, (broker) => broker.connectionPool.send(metadataCall(topic)));
    } catch (error) {
      this.avoid(address);
      throw error;
    }
    await this.#learnBrokers(metadata);
    if (metadata.errorCode === METADATA_UNKNOWN_TOPIC) throw new UnknownPartitionError(`there is no topic ${topic}`);
    if (metadata.errorCode !== METADATA_OK)
      throw new BrokerError(`the metadata of topic ${topic} was refused with error code ${metadata.errorCode}`);
    for (const [partition, nodeId] of metadata.leaders) {
      const leader = metadata.brokers.get(nodeId);
      if (leader === undefined) this.forget({ topic, partition });
      else this.#leaders.set(nameOf({ topic, partition }), leader);
    }
    return metadata;
  }

  /** The brokers configured come first and stay: a cluster may come back under those addresses alone. */
  async #learnBrokers(metadata: TopicMetadata): Promise<void> {
    this.#brokers = [...new Set([...(await this.#configured()), ...metadata.brokers.values()])];
  }

  async #configured(): Promise<string[]> {
    const { brokers } = this.config;
    return typeof brokers === 'function' ? await brokers() : brokers;
  }
}

export function nameOf(at: TopicPartition): string {
  return `${at.topic}/${at.partition}`;
}
