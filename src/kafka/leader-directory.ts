/** Which broker leads which partition, as far as is known. */
import type { TopicPartition } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import type { AnyBroker, Told } from './any-broker.js';
import type { BrokerConnections } from './broker-connections.js';
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
  readonly #leaders = new Map<string, Told<string>>();
  readonly #lookUps = new Map<string, Promise<TopicMetadata>>();
  /** By topic, which broker has answered last. */
  readonly #toldBy = new Map<string, string>();

  constructor(
    private readonly anyBroker: AnyBroker,
    private readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>,
  ) {}

  /** host:port of the leader as far as known, without asking anybody. */
  known(at: TopicPartition): string | undefined {
    return this.#leaders.get(nameOf(at))?.answer;
  }

  /** For a leader that has failed: another broker than the one that named it is asked for the next. */
  forget(at: TopicPartition): void {
    const known = this.#leaders.get(nameOf(at));
    if (known === undefined) return;
    this.#leaders.delete(nameOf(at));
    this.anyBroker.passOn(known.toldBy);
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

  /**
   * Asks for the leaders of a topic whatever is known; what is known holds until the answer is there. Another broker is
   * asked than the last time: one that is cut off from its cluster confirms itself for ever.
   */
  async refresh(topic: string): Promise<void> {
    const toldBy = this.#toldBy.get(topic);
    if (toldBy !== undefined) this.anyBroker.passOn(toldBy);
    await this.#lookUp(topic);
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
    const { answer: metadata, toldBy } = await this.anyBroker.ask(this.connections, ({ connectionPool }) =>
      connectionPool.send(metadataCall(topic)),
    );
    this.#toldBy.set(topic, toldBy);
    await this.anyBroker.learn(metadata.brokers.values());
    if (metadata.errorCode === METADATA_UNKNOWN_TOPIC) throw new UnknownPartitionError(`there is no topic ${topic}`);
    if (metadata.errorCode !== METADATA_OK)
      throw new BrokerError(`the metadata of topic ${topic} was refused with error code ${metadata.errorCode}`);
    for (const [partition, nodeId] of metadata.leaders) {
      const leader = metadata.brokers.get(nodeId);
      const name = nameOf({ topic, partition });
      if (leader === undefined) this.#leaders.delete(name);
      else this.#leaders.set(name, { answer: leader, toldBy });
    }
    return metadata;
  }
}

export function nameOf(at: TopicPartition): string {
  return `${at.topic}/${at.partition}`;
}
