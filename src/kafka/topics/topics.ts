/** Creates topics (`topics create`), and checks them before `run` starts. */
import type { Config, TopicNames } from '../../config.js';
import type { Clock } from '../../lib/clock.js';
import { boundsByMost } from '../../pipeline/partition-view.js';
import type { LogBounds, Logs } from '../../pipeline/ports.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { kafkaCommandsOf } from '../connection/kafka-config.js';
import { changelogUse } from './changelog-use.js';
import { numberIn, policyFaults, policyWarnings, type FoundTopics } from './topic-policies.js';
import type { TopicToCreate } from '../protocol/create-topic-request.js';
import { TopicAdmin, type TopicDescription } from './topic-admin.js';
import { TOPIC_ROLES, planOf, type TopicRole } from './topic-plan.js';
import { DELETE_RETENTION_MS, RETENTION_MS } from './topic-settings.js';
import { transactionTimeoutFaults } from './transaction-timeout.js';

export interface Difference {
  /** `partitions`, `replication factor` or the name of a topic setting. */
  readonly property: string;
  readonly is: string;
  readonly planned: string;
}

export interface TopicOutcome {
  readonly topic: string;
  readonly outcome: 'created' | 'existed';
  readonly partitions: number;
  /** How a topic that existed differs from the plan. Such a topic is not changed. */
  readonly differences: readonly Difference[];
}

export interface CreateTopicsOptions {
  readonly names: TopicNames;
  readonly partitions?: number;
  /** By default as many as there are brokers, at most 3. */
  readonly replicationFactor?: number;
}

const DEFAULT_PARTITIONS = 12;
const USUAL_REPLICAS = 3;

/**
 * Creates the missing topics, one after the other, and yields each outcome. It changes no existing topic, so it can be
 * run again.
 * @throws BrokerError; kafkajs's errors if the broker refuses
 */
export async function* createTopics(
  config: KafkaConfig,
  clock: Clock,
  { names, partitions = DEFAULT_PARTITIONS, replicationFactor }: CreateTopicsOptions,
): AsyncGenerator<TopicOutcome, void, undefined> {
  const admin = new TopicAdmin(config, clock);
  try {
    const replicas = replicationFactor ?? Math.min(USUAL_REPLICAS, await admin.countBrokers(names.syncEvents));
    let input: TopicDescription | null = null;
    for (const role of TOPIC_ROLES) {
      const plan = planOf(role, { names, partitions, replicationFactor: replicas, input });
      const existing = await admin.describe(plan.topic);
      const created = existing === null && (await admin.create(plan));
      const topic = existing ?? (await admin.describeExisting(plan.topic));
      if (role === 'syncEvents') input = topic;
      yield {
        topic: topic.topic,
        outcome: created ? 'created' : 'existed',
        partitions: topic.partitions,
        differences: created ? [] : differencesOf(topic, plan),
      };
    }
  } finally {
    await admin.close();
  }
}

function differencesOf(topic: TopicDescription, plan: TopicToCreate): readonly Difference[] {
  const compared: readonly Difference[] = [
    { property: 'partitions', is: String(topic.partitions), planned: String(plan.partitions) },
    { property: 'replication factor', is: String(topic.replicationFactor), planned: String(plan.replicationFactor) },
    ...[...plan.settings].map(([property, planned]) => ({
      property,
      is: topic.settings.get(property) ?? 'unset',
      planned,
    })),
  ];
  return compared.filter(({ is, planned }) => is !== planned);
}

/** How many partitions a topic has; null if it does not exist. @throws BrokerError */
export async function countPartitions(config: KafkaConfig, clock: Clock, topic: string): Promise<number | null> {
  const admin = new TopicAdmin(config, clock);
  try {
    return await admin.countPartitions(topic);
  } finally {
    await admin.close();
  }
}

/** How many partitions an existing topic has. @throws Error if it does not exist; BrokerError */
export async function partitionsOf(config: KafkaConfig, clock: Clock, topic: string): Promise<number> {
  const count = await countPartitions(config, clock, topic);
  if (count === null) throw new Error(missing(topic));
  return count;
}

function missing(topic: string): string {
  return `topic ${topic} does not exist: create it with \`company-sync topics create\``;
}

export interface CheckedTopics {
  readonly clusterId: string;
  readonly partitions: Readonly<Record<TopicRole, number>>;
  /** How long the changelog keeps a tombstone, in milliseconds. */
  readonly changelogDeleteRetentionMs: number;
  /** How long a dead letter is kept, in milliseconds; Infinity if there is no limit. */
  readonly deadLetterRetentionMs: number;
  /** The changelog's topic id; null if the brokers have no ids. */
  readonly changelogTopicId: string | null;
  /** No committed record was found in the changelog: perhaps no instance of this application id has ever committed. */
  readonly changelogIsEmpty: boolean;
  /** Warnings about settings that work until a large record comes, or until a broker fails. */
  readonly warnings: readonly string[];
}

/** The processor must not run on these topics. */
export class UnfitTopicsError extends Error {
  override readonly name = 'UnfitTopicsError';
  /** Each fault says what is wrong, where, and what to do. */
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/**
 * Checks the topics before `run` uses them. Changes nothing.
 * @param logs must read the changelog as a compacted topic
 * @throws UnfitTopicsError with all faults; BrokerError, also while too few brokers answer
 */
export async function checkTopics(
  config: KafkaConfig,
  clock: Clock,
  logs: Pick<Logs, 'bounds' | 'reader'>,
  { topics: names, maxBatchBytes }: Pick<Config, 'topics' | 'maxBatchBytes'>,
): Promise<CheckedTopics> {
  const [found, timeoutFaults] = await Promise.all([
    describeAll(config, clock, names),
    transactionTimeoutFaults(config, clock, names.syncEvents),
  ]);
  const { syncEvents: input, companyState: changelog } = found;
  const commands = kafkaCommandsOf(config);
  const bounds = await boundsOf(logs, changelog);
  const faults = [...policyFaults(found, commands), ...logStartFaults(changelog, bounds), ...timeoutFaults];
  if (faults.length > 0) throw new UnfitTopicsError(faults);
  return {
    clusterId: input.clusterId,
    partitions: {
      syncEvents: input.partitions,
      companySynchronized: found.companySynchronized.partitions,
      companyState: changelog.partitions,
      deadLetter: found.deadLetter.partitions,
      clientSettings: found.clientSettings.partitions,
      companySyncStalled: found.companySyncStalled.partitions,
      companySyncFailed: found.companySyncFailed.partitions,
    },
    changelogDeleteRetentionMs: numberIn(changelog, DELETE_RETENTION_MS),
    deadLetterRetentionMs: retentionOf(found.deadLetter),
    changelogTopicId: bounds[0]?.topicId ?? null,
    changelogIsEmpty: (await changelogUse(logs, changelog.topic, bounds, clock)) !== 'used',
    warnings: policyWarnings(found, commands, maxBatchBytes),
  };
}

async function describeAll(config: KafkaConfig, clock: Clock, names: TopicNames): Promise<FoundTopics> {
  const admin = new TopicAdmin(config, clock);
  try {
    const found = new Map<TopicRole, TopicDescription>();
    const faults: string[] = [];
    const described = TOPIC_ROLES.map(async (role) => [role, await admin.describe(names[role])] as const);
    for (const [role, topic] of await Promise.all(described))
      if (topic === null) faults.push(missing(names[role]));
      else found.set(role, topic);
    if (faults.length > 0) throw new UnfitTopicsError(faults);
    return Object.fromEntries(found) as unknown as FoundTopics;
  } finally {
    await admin.close();
  }
}

/**
 * The bounds of all partitions, if more than half of the known brokers have answered who leads each. A broker that is
 * cut off may still know a former topic of that name. Its answer must not make an operator delete the changelog, nor
 * make a new changelog look used.
 * @throws StaleViewError while too few brokers answer
 */
function boundsOf(logs: Pick<Logs, 'bounds'>, { topic, partitions }: TopicDescription): Promise<LogBounds[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => boundsByMost(logs, { topic, partition })));
}

function logStartFaults({ topic }: TopicDescription, bounds: readonly LogBounds[]): string[] {
  return bounds.flatMap(({ start }, partition) =>
    start === 0
      ? []
      : [
          `changelog ${topic}, partition ${partition}, starts at offset ${start}: the state below this offset was deleted, ` +
            'so state cannot be restored. Delete the topic, create it again with `company-sync topics create`, and build ' +
            'the state again: docs/operations.md, "The changelog is lost"',
        ],
  );
}

function retentionOf(topic: TopicDescription): number {
  const retentionMs = numberIn(topic, RETENTION_MS);
  return retentionMs < 0 ? Infinity : retentionMs;
}
