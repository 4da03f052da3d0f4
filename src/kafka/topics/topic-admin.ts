/**
 * Describes, creates and grows topics by their names. kafkajs's own admin client asks for the metadata of all topics
 * again and again, and hangs while any topic in the cluster has no leader.
 */
import type { Clock } from '../../lib/clock.js';
import { reasonOf } from '../../lib/reason-of.js';
import { retryUntil } from '../../lib/retry-until.js';
import { BrokerError } from '../../pipeline/errors.js';
import { AnyBroker } from '../connection/any-broker.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { createTopicCall, type TopicToCreate } from '../protocol/create-topic-request.js';
import { metadataOf } from '../protocol/metadata-protocol.js';
import { ERROR_CODES, isProtocolError, isWorthRetrying, NO_ERROR, whyFailed } from '../protocol/protocol-errors.js';
import {
  CLEANUP_POLICY,
  DELETE_RETENTION_MS,
  MAX_COMPACTION_LAG_MS,
  MAX_MESSAGE_BYTES,
  RETENTION_MS,
} from './topic-settings.js';

export interface TopicDescription {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The settings in force, including the broker's defaults. */
  readonly settings: ReadonlyMap<string, string>;
  readonly clusterId: string;
}

const TOPIC_REQUEST_TIMEOUT_MS = 10_000;
const PAUSE_MS = 100;
/** How long the broker may take to create a topic. */
const CREATE_TIMEOUT_MS = 5_000;
/**
 * How long the answer to CreateTopics may take. Longer than `CREATE_TIMEOUT_MS`: the broker reports its own timeout
 * first.
 */
const CREATE_ANSWER_MS = 10_000;
/** The resource type of a topic in DescribeConfigs. */
const TOPIC_RESOURCE = 2;
/** The resource type of a broker in DescribeConfigs. */
const BROKER_RESOURCE = 4;

/** The brokers refuse to create the topic as planned. */
export class TopicRefusedError extends Error {
  override readonly name = 'TopicRefusedError';
  constructor(topic: string, cause: Error) {
    super(`topic ${topic} cannot be created: ${reasonOf(cause)}`, { cause });
  }
}

export class TopicAdmin {
  readonly #connections: BrokerConnections;
  readonly #anyBroker: AnyBroker;

  constructor(
    config: KafkaConfig,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections({ requestTimeout: CREATE_ANSWER_MS, ...config }, clock);
    this.#anyBroker = new AnyBroker(config, clock);
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** How many brokers are up. The request names a topic, because that is quick; the topic need not exist. */
  async countBrokers(topic: string): Promise<number> {
    const { brokers } = await this.#retry((broker) => metadataOf(broker, topic));
    return brokers.size;
  }

  /** How many partitions a topic has; null if it does not exist. @throws BrokerError as `describe` */
  async countPartitions(topic: string): Promise<number | null> {
    const { errorCode, leaders } = await this.#retry((broker) => metadataOf(broker, topic));
    return errorCode === NO_ERROR ? leaders.size : null;
  }

  /** Describes a topic; null if it does not exist. @throws BrokerError if the brokers give no answer for 10 s */
  describe(topic: string): Promise<TopicDescription | null> {
    return this.#retry((broker) => describeAt(broker, topic));
  }

  /**
   * A setting of each broker that is up, by broker id. Empty if the brokers do not report it, for example without
   * permission.
   * @param topic the name for the request, as in `countBrokers`
   */
  async brokerSettings(topic: string, setting: string): Promise<ReadonlyMap<number, string>> {
    const brokers = await this.#settingsOfBrokers(topic);
    return new Map(brokers.flatMap((broker) => (broker.has(setting) ? [[broker.id, broker.get(setting) ?? '']] : [])));
  }

  /** All settings of each broker that is up and sends them. */
  async #settingsOfBrokers(topic: string): Promise<BrokerSettings[]> {
    const { brokers } = await this.#retry((broker) => metadataOf(broker, topic));
    const found = [...brokers].map(async ([id, address]) => {
      const resources = [{ type: BROKER_RESOURCE, name: String(id) }];
      const answer = await this.#connections.ask(address, (broker) =>
        (broker as AdminBroker).describeConfigs({ resources }),
      );
      return new BrokerSettings(
        id,
        answer.resources.flatMap(({ configEntries }) => configEntries),
      );
    });
    const settled = await Promise.allSettled(found);
    return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /** As `describe`, for a topic that exists. Waits for brokers that do not know a new topic yet. */
  describeExisting(topic: string): Promise<TopicDescription> {
    return this.#retry(async (broker) => {
      const description = await describeAt(broker, topic);
      if (description === null) throw new BrokerError(`this broker does not know topic ${topic} yet`);
      return description;
    });
  }

  /** Creates a topic. False if it exists already: another process may have created it a moment ago. */
  async create(plan: TopicToCreate): Promise<boolean> {
    const call = createTopicCall(await this.#withoutDefaults(plan), CREATE_TIMEOUT_MS);
    const attempt = async ({ connectionPool }: AdminBroker): Promise<boolean> => {
      try {
        await connectionPool.send(call);
        return true;
      } catch (error) {
        if (typeOf(error) === 'TOPIC_ALREADY_EXISTS') return false;
        throw isProtocolError(error) && !error.retriable ? new TopicRefusedError(plan.topic, error) : error;
      }
    };
    return this.#retry(attempt, CREATE_ANSWER_MS);
  }

  /**
   * Leaves out settings that equal the default of all brokers, because a create policy may refuse any value of a
   * setting.
   */
  async #withoutDefaults(plan: TopicToCreate): Promise<TopicToCreate> {
    const defaults = await this.#settingsOfBrokers(plan.topic);
    const isDefault = ([name, value]: [string, string]) =>
      defaults.length > 0 && defaults.every((broker) => broker.get(brokerSettingOf(name)) === value);
    return { ...plan, settings: new Map([...plan.settings].filter((setting) => !isDefault(setting))) };
  }

  /**
   * Asks whether `grow` may give a topic that many partitions. Changes nothing.
   * @throws kafkajs's error if the broker refuses; BrokerError if the brokers give no answer for 10 s
   */
  async mayGrow(topic: string, partitions: number): Promise<void> {
    const request = { topicPartitions: [{ topic, count: partitions }], timeout: CREATE_TIMEOUT_MS };
    if (((await this.countPartitions(topic)) ?? 0) < partitions)
      await this.#retry((broker) => broker.createPartitions({ ...request, validateOnly: true }), CREATE_ANSWER_MS);
  }

  /** Gives a topic more partitions, and resolves when each of them has a leader. */
  async grow(topic: string, partitions: number): Promise<void> {
    const request = { topicPartitions: [{ topic, count: partitions }], timeout: CREATE_TIMEOUT_MS };
    if (((await this.countPartitions(topic)) ?? 0) < partitions)
      await this.#retry((broker) => broker.createPartitions(request), CREATE_ANSWER_MS);
    await this.#retry(async (broker) => {
      const { leaders } = await metadataOf(broker, topic);
      const led = [...leaders.values()].filter(({ nodeId }) => nodeId >= 0).length;
      if (led < partitions)
        throw new BrokerError(`topic ${topic} has ${led} of ${partitions} leaders so far; waiting for the others`);
    });
  }

  /** Asks one broker after the other until one answers. Each broker forwards requests for the controller to it. */
  async #retry<T>(ask: (broker: AdminBroker) => Promise<T>, answerMs?: number): Promise<T> {
    const brokers = await this.#anyBroker.addresses();
    const mayHelp = (error: unknown): boolean => isWorthRetrying(error) && !(error instanceof TopicRefusedError);
    const terms = {
      clock: this.clock,
      patienceMs: TOPIC_REQUEST_TIMEOUT_MS,
      pause: { next: () => PAUSE_MS },
      mayHelp,
      leastAttempts: brokers.length,
    };
    const attempt = () => this.#anyBroker.ask(this.#connections, (broker) => ask(broker as AdminBroker), answerMs);
    try {
      return (await retryUntil(terms, attempt)).answer;
    } catch (error) {
      if (!mayHelp(error)) throw error;
      const where = `no broker of KAFKA_BROKERS (${brokers.join(', ')})`;
      const answer = isProtocolError(error) ? 'gives a usable answer' : 'answers';
      const advice = isProtocolError(error) ? '' : '. Start Kafka or correct KAFKA_BROKERS';
      throw new BrokerError(`${where} ${answer}: ${whyFailed(error)}${advice}`, { cause: error });
    }
  }
}

/** kafkajs's encodings of the requests used here. An error code in an answer becomes a rejection. */
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
    validateOnly?: boolean;
    timeout: number;
  }): Promise<unknown>;
}

class BrokerSettings extends Map<string, string> {
  constructor(
    readonly id: number,
    entries: readonly { readonly configName: string; readonly configValue: string }[],
  ) {
    super(entries.map(({ configName, configValue }) => [configName, configValue]));
  }
}

/**
 * The names of the brokers' settings that are the defaults of topics' settings. Other settings have the same name in
 * both.
 */
const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  [CLEANUP_POLICY]: 'log.cleanup.policy',
  [DELETE_RETENTION_MS]: 'log.cleaner.delete.retention.ms',
  [MAX_COMPACTION_LAG_MS]: 'log.cleaner.max.compaction.lag.ms',
  [MAX_MESSAGE_BYTES]: 'message.max.bytes',
  [RETENTION_MS]: 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
};

function brokerSettingOf(topicSetting: string): string {
  return BROKER_SETTINGS[topicSetting] ?? topicSetting;
}

async function describeAt(broker: AdminBroker, topic: string): Promise<TopicDescription | null> {
  // kafkajs's own Metadata has more fields, but treats a missing topic as an error and logs it.
  const { errorCode } = await metadataOf(broker, topic);
  if (errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION) return null;
  const { clusterId, topicMetadata } = await broker.metadata([topic]);
  const { resources } = await broker.describeConfigs({ resources: [{ type: TOPIC_RESOURCE, name: topic }] });
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

/** The name of the broker's error code; undefined if no broker answered. */
function typeOf(error: unknown): unknown {
  return error instanceof Error && 'type' in error ? error.type : undefined;
}
