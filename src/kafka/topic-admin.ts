/**
 * What is asked of and done to topics, each by its name. kafkajs's own admin client asks for the metadata of all topics
 * again and again, and hangs while some topic of somebody else has no leader.
 */
import type { Clock } from '../lib/clock.js';
import { BrokerError } from '../pipeline/errors.js';
import { AnyBroker } from './any-broker.js';
import { BrokerConnections, type ConnectedBroker } from './broker-connections.js';
import type { KafkaConfig } from './cluster.js';
import { METADATA_OK, METADATA_UNKNOWN_TOPIC, metadataOf } from './metadata-protocol.js';

export interface TopicDescription {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The settings in force, also those that come from the broker. */
  readonly settings: ReadonlyMap<string, string>;
  readonly clusterId: string;
}

export interface TopicToCreate {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Settings that differ from the broker's. */
  readonly settings: ReadonlyMap<string, string>;
}

const patienceMs = 10_000;
const pauseMs = 100;
/** For the broker to do it in. */
const createTimeoutMs = 5_000;
/** For its answer, by when its own time-out has long told. */
const createAnswerMs = 10_000;
/** Kafka's number of a topic in DescribeConfigs. */
const topicResource = 2;
/** The same of a broker. */
const brokerResource = 4;

/** The brokers will not create the topic as it is planned. */
export class TopicRefusedError extends Error {
  override readonly name = 'TopicRefusedError';
  constructor(topic: string, cause: Error) {
    super(`topic ${topic} cannot be created: ${cause.message}`, { cause });
  }
}

export class TopicAdmin {
  readonly #connections: BrokerConnections;
  readonly #anyBroker: AnyBroker;

  constructor(
    config: KafkaConfig,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections({ requestTimeout: createAnswerMs, ...config });
    this.#anyBroker = new AnyBroker(config, clock);
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** How many brokers are up. Asked with the name of a topic, which need not exist, for it is quick for one. */
  async countBrokers(topic: string): Promise<number> {
    const { brokers } = await this.#retry((broker) => metadataOf(broker, topic));
    return brokers.size;
  }

  /** Null where there is no such topic. @throws BrokerError as `describe` */
  async countPartitions(topic: string): Promise<number | null> {
    const { errorCode, leaders } = await this.#retry((broker) => metadataOf(broker, topic));
    return errorCode === METADATA_OK ? leaders.size : null;
  }

  /** Null where there is no such topic. @throws BrokerError where the brokers give no answer for 10 s */
  describe(topic: string): Promise<TopicDescription | null> {
    return this.#retry((broker) => describeAt(broker, topic));
  }

  /**
   * A setting of each broker that is up, by broker id. Empty if the brokers do not tell it, as for a lack of rights.
   * @param topic asked with its name, as `countBrokers`
   */
  async brokerSettings(topic: string, setting: string): Promise<ReadonlyMap<number, string>> {
    const { brokers } = await this.#retry((broker) => metadataOf(broker, topic));
    const found = [...brokers].map(async ([id, address]): Promise<[number, string][]> => {
      const resources = [{ type: brokerResource, name: String(id) }];
      const answer = await this.#connections.ask(address, (broker) =>
        (broker as AdminBroker).describeConfigs({ resources }),
      );
      const entries = answer.resources.flatMap(({ configEntries }) => configEntries);
      return entries.flatMap(({ configName, configValue }) => (configName === setting ? [[id, configValue]] : []));
    });
    const settled = await Promise.allSettled(found);
    return new Map(settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])));
  }

  /** As `describe`, for a topic that is known to exist: each broker hears of a new one a moment late. */
  describeExisting(topic: string): Promise<TopicDescription> {
    return this.#retry(async (broker) => {
      const description = await describeAt(broker, topic);
      if (description === null) throw new BrokerError(`this broker does not know topic ${topic} yet`);
      return description;
    });
  }

  /** False where the topic was there already, which may be somebody else's doing just now. */
  create({ topic, partitions, replicationFactor, settings }: TopicToCreate): Promise<boolean> {
    const configEntries = [...settings].map(([name, value]) => ({ name, value }));
    const request = {
      topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
      timeout: createTimeoutMs,
    };
    const attempt = async (broker: AdminBroker): Promise<boolean> => {
      try {
        await broker.createTopics(request);
        return true;
      } catch (error) {
        const refusal = refusalOf(error);
        if (typeOf(refusal) === 'TOPIC_ALREADY_EXISTS') return false;
        throw isFinal(refusal) ? new TopicRefusedError(topic, refusal) : refusal;
      }
    };
    return this.#retry(attempt, createAnswerMs);
  }

  /** Gives a topic more partitions, and resolves when each of them has a leader. */
  async grow(topic: string, partitions: number): Promise<void> {
    const request = { topicPartitions: [{ topic, count: partitions }], timeout: createTimeoutMs };
    if (((await this.countPartitions(topic)) ?? 0) < partitions)
      await this.#retry((broker) => broker.createPartitions(request), createAnswerMs);
    await this.#retry(async (broker) => {
      const { leaders } = await metadataOf(broker, topic);
      const led = [...leaders.values()].filter(({ nodeId }) => nodeId >= 0).length;
      if (led < partitions) throw new BrokerError(`topic ${topic} has ${led} of ${partitions} leaders so far`);
    });
  }

  /** Asks one broker after the other until one answers; any of them passes what is the controller's on to it. */
  async #retry<T>(ask: (broker: AdminBroker) => Promise<T>, answerMs?: number): Promise<T> {
    const deadline = this.clock.now() + patienceMs;
    const leastAttempts = await this.#anyBroker.count();
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#anyBroker.ask(this.#connections, (broker) => ask(broker as AdminBroker), answerMs)).answer;
      } catch (error) {
        if (isFinal(error)) throw error;
        if (attempt >= leastAttempts && this.clock.now() + pauseMs > deadline)
          throw new BrokerError(`no answer from any of ${leastAttempts} brokers: ${String(error)}`, { cause: error });
      }
      await this.clock.delay(pauseMs);
    }
  }
}

/** kafkajs's encodings of the requests used here; error codes of the answers reject. */
interface AdminBroker extends ConnectedBroker {
  metadata(topics: readonly string[]): Promise<{
    clusterId: string;
    topicMetadata: { partitionMetadata: { replicas: number[] }[] }[];
  }>;
  describeConfigs(request: { resources: readonly { type: number; name: string }[] }): Promise<{
    resources: { configEntries: { configName: string; configValue: string }[] }[];
  }>;
  createPartitions(request: {
    topicPartitions: readonly { topic: string; count: number }[];
    timeout: number;
  }): Promise<unknown>;
  createTopics(request: {
    topics: readonly {
      topic: string;
      numPartitions: number;
      replicationFactor: number;
      configEntries: readonly { name: string; value: string }[];
    }[];
    timeout: number;
  }): Promise<unknown>;
}

async function describeAt(broker: AdminBroker, topic: string): Promise<TopicDescription | null> {
  // kafkajs's own Metadata says more, but takes a missing topic for an error and logs it.
  const { errorCode } = await metadataOf(broker, topic);
  if (errorCode === METADATA_UNKNOWN_TOPIC) return null;
  const { clusterId, topicMetadata } = await broker.metadata([topic]);
  const { resources } = await broker.describeConfigs({ resources: [{ type: topicResource, name: topic }] });
  const partitions = topicMetadata.flatMap(({ partitionMetadata }) => partitionMetadata);
  const entries = resources.flatMap(({ configEntries }) => configEntries);
  return {
    topic,
    partitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? 0,
    settings: new Map(entries.map(({ configName, configValue }) => [configName, configValue])),
    clusterId,
  };
}

/** kafkajs gives the refusal of each topic asked for, of which there is one here, in an error of errors. */
function refusalOf(error: unknown): unknown {
  if (error instanceof Error && 'errors' in error && Array.isArray(error.errors)) return error.errors[0] as unknown;
  return error;
}

/** The name of the broker's error code; undefined where no broker answered. */
function typeOf(error: unknown): unknown {
  return error instanceof Error && 'type' in error ? error.type : undefined;
}

/** The broker refuses and would refuse again, as for a lack of permission. */
function isFinal(error: unknown): error is Error {
  if (error instanceof TopicRefusedError) return true;
  return typeOf(error) !== undefined && error instanceof Error && 'retriable' in error && error.retriable === false;
}
