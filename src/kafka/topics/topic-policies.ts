/** Judges whether `run` may use the topics: `run` refuses to start on faults, and logs warnings. Pure. */
import type { KafkaCommand } from '../../lib/shell-command.js';
import { WHAT_TO_DO_ABOUT_GROWTH } from './input-growth.js';
import type { TopicDescription } from './topic-admin.js';
import { howToFetch, maxFetchedBatchBytes } from '../protocol/large-records.js';
import { TOPIC_ROLES, messageMaxBytesOf, type TopicRole } from './topic-plan.js';
import {
  CLEANUP_POLICY,
  DELETE_RETENTION_MS,
  MAX_MESSAGE_BYTES,
  MIN_INSYNC_REPLICAS,
  UNCLEAN_LEADER_ELECTION,
} from './topic-settings.js';
import { LEAST_DELETE_RETENTION_MS } from '../../pipeline/missed-deletions.js';

export type FoundTopics = Readonly<Record<TopicRole, TopicDescription>>;

const COMPACT = 'compact';

/** For each topic, the harm that the wrong cleanup policy (compaction or deletion) would do. */
const HARM_OF_POLICY: Readonly<Record<TopicRole, string>> = {
  companyState: 'deletion would remove state',
  clientSettings: 'deletion would remove choices that are still in force',
  syncEvents: 'compaction would remove the older events of a company before they are read',
  companySynchronized: 'compaction would remove announcements before they are read',
  companySyncStalled: 'compaction would remove events before they are read',
  companySyncFailed: 'compaction would remove events before they are read',
  deadLetter: 'compaction would remove records before they are repaired, and refuses those without a key',
};
const COMPACTED: readonly TopicRole[] = ['companyState', 'clientSettings'];
const WRITTEN: readonly TopicRole[] = [
  ...(['companySynchronized', 'companyState', 'deadLetter'] as const),
  ...(['companySyncStalled', 'companySyncFailed'] as const),
];

/** Others write these, so their batches may be as large as the topic allows. */
const READ: readonly TopicRole[] = ['syncEvents', 'clientSettings'];

/** From this replication factor on, two copies of each record can be required although one broker has failed. */
const REPLICAS_FOR_TWO_IN_SYNC = 3;
const LEAST_IN_SYNC = 2;

/** Why `run` must not start. Each fault says what is wrong, why, and the command that fixes it. */
export function policyFaults(found: FoundTopics, commands: KafkaCommand): string[] {
  return [
    ...TOPIC_ROLES.flatMap((role) => cleanupFaults(role, found[role], commands)),
    ...changelogSizeFaults(found),
    ...settingsSizeFaults(found.clientSettings),
  ];
}

/**
 * Warnings about settings that work until a large record comes, a broker fails or an instance is suspended.
 * @param maxBatchBytes MAX_BATCH_BYTES
 */
export function policyWarnings(found: FoundTopics, commands: KafkaCommand, maxBatchBytes: number): string[] {
  return TOPIC_ROLES.flatMap((role) => messageLimitWarnings(role, found[role], found.syncEvents)).concat(
    READ.flatMap((role) => fetchLimitWarnings(found[role], commands, maxFetchedBatchBytes(maxBatchBytes))),
    WRITTEN.flatMap((role) => durabilityWarnings(found[role], commands)),
    retentionWarnings(found.companyState, commands),
  );
}

function retentionWarnings(changelog: TopicDescription, commands: KafkaCommand): string[] {
  const retention = numberIn(changelog, DELETE_RETENTION_MS);
  if (retention >= LEAST_DELETE_RETENTION_MS) return [];
  return [
    `changelog ${changelog.topic} has ${DELETE_RETENTION_MS}=${retention}: an instance that was suspended could miss ` +
      'deletions and not notice it, and a company could be announced early. ' +
      alterCommand(commands, changelog.topic, `${DELETE_RETENTION_MS}=${LEAST_DELETE_RETENTION_MS}`),
  ];
}

function cleanupFaults(role: TopicRole, { topic, settings }: TopicDescription, commands: KafkaCommand): string[] {
  const policy = settings.get(CLEANUP_POLICY) ?? 'unset';
  const wanted = COMPACTED.includes(role) ? COMPACT : 'delete';
  if (wanted === COMPACT ? policy === COMPACT : !policy.includes(COMPACT)) return [];
  return [
    `topic ${topic} has ${CLEANUP_POLICY}=${policy}: ${HARM_OF_POLICY[role]}. Set it to ${wanted} alone: ` +
      alterCommand(commands, topic, `${CLEANUP_POLICY}=${wanted}`),
  ];
}

function changelogSizeFaults({ companyState: changelog, syncEvents: input }: FoundTopics): string[] {
  if (changelog.partitions === input.partitions) return [];
  return [
    `changelog ${changelog.topic} has ${changelog.partitions} partitions and input ${input.topic} has ${input.partitions}: ` +
      `a company would be judged in a partition that does not have its state. ${WHAT_TO_DO_ABOUT_GROWTH}`,
  ];
}

function settingsSizeFaults({ topic, partitions }: TopicDescription): string[] {
  if (partitions === 1) return [];
  return [
    `topic ${topic} has ${partitions} partitions: an older choice of a client could win over a newer one in another ` +
      'partition. Create a topic with one partition, copy the choices to it, and set TOPIC_CLIENT_SETTINGS to its name',
  ];
}

function messageLimitWarnings(role: TopicRole, topic: TopicDescription, input: TopicDescription): string[] {
  const limit = numberIn(topic, MAX_MESSAGE_BYTES);
  const wanted = messageMaxBytesOf(role, input);
  if (limit >= wanted) return [];
  return [
    `topic ${topic.topic} has ${MAX_MESSAGE_BYTES}=${limit}, less than ${wanted}: ` +
      'a record that does not fit will stop its partition until the limit is raised',
  ];
}

/** A batch that is too large to be fetched stops every reader of its partition. */
function fetchLimitWarnings(topic: TopicDescription, commands: KafkaCommand, most: number): string[] {
  const limit = numberIn(topic, MAX_MESSAGE_BYTES);
  if (limit <= most) return [];
  return [
    `topic ${topic.topic} has ${MAX_MESSAGE_BYTES}=${limit}, and a fetched batch may have ${most} bytes: a larger batch will ` +
      `stop the partition that it is in. ${alterCommand(commands, topic.topic, `${MAX_MESSAGE_BYTES}=${most}`)}. If the ` +
      `producers need such batches, ${howToFetch(limit)}`,
  ];
}

/**
 * A broker that is behind must not become leader, and one broker must not acknowledge alone: committed records would be
 * lost.
 */
function durabilityWarnings(
  { topic, settings, replicationFactor }: TopicDescription,
  commands: KafkaCommand,
): string[] {
  const warnings: string[] = [];
  if (settings.get(UNCLEAN_LEADER_ELECTION) === 'true')
    warnings.push(
      `topic ${topic} has ${UNCLEAN_LEADER_ELECTION}=true: a broker that is behind could become leader, and committed ` +
        `records would be lost. ${alterCommand(commands, topic, `${UNCLEAN_LEADER_ELECTION}=false`)}`,
    );
  const inSync = settings.get(MIN_INSYNC_REPLICAS);
  if (replicationFactor >= REPLICAS_FOR_TWO_IN_SYNC && Number(inSync) < LEAST_IN_SYNC)
    warnings.push(
      `topic ${topic} has ${replicationFactor} replicas and ${MIN_INSYNC_REPLICAS}=${inSync}: one broker could ` +
        `acknowledge records alone, and they would be lost if it failed. ` +
        alterCommand(commands, topic, `${MIN_INSYNC_REPLICAS}=${LEAST_IN_SYNC}`),
    );
  return warnings;
}

function alterCommand(commands: KafkaCommand, topic: string, setting: string): string {
  return commands('kafka-configs.sh', `--alter --topic ${topic} --add-config ${setting}`);
}

/** @throws Error if the broker did not report the setting */
export function numberIn(topic: TopicDescription, setting: string): number {
  const value = Number(topic.settings.get(setting) ?? NaN);
  if (!Number.isFinite(value))
    throw new Error(`the broker does not say ${setting} of topic ${topic.topic}: allow DescribeConfigs on the topic`);
  return value;
}
