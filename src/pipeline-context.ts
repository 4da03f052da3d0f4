/**
 * What all partitions of one instance share, created from its settings and from what the instance found at its start.
 */
import { steadyMs } from './lib/stopwatch.js';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { DecidingSettings } from './deciding-settings.js';
import { ClientSettingsDecoder, ClientSettingsSchema } from './decode/client-settings-decoder.js';
import type { ReaderSchemas } from './lib/schema-files.js';
import { RegistryBrake } from './decode/registry-brake.js';
import { SchemaResolution } from './decode/schema-resolution.js';
import type { SchemaSource } from './decode/schema-source.js';
import { createSyncEventDecoder } from './decode/sync-event-decoder.js';
import { ClientSettings } from './kafka/reading/client-settings.js';
import type { ClusterView } from './kafka/connection/cluster-view.js';
import { kafkaCommandsOf } from './kafka/connection/kafka-config.js';
import { KafkaLogs, type KafkaLogsOptions } from './kafka/reading/kafka-logs.js';
import type { LargeBatches } from './kafka/reading/large-batches.js';
import type { CheckedTopics } from './kafka/topics/topics.js';
import { TRANSACTION_TIMEOUT_MS } from './kafka/topics/transaction-timeout.js';
import { kafkaTransactions } from './kafka/transactions/transactions.js';
import type { Clock } from './lib/clock.js';
import { FailureWatch } from './ops/failure-watch.js';
import { LoggingObserver } from './ops/logging-observer.js';
import type { MemoryBudget } from './ops/memory-budget.js';
import { observeAll } from './ops/observers.js';
import type { PipelineContext } from './pipeline/context.js';
import type { StatePositions } from './pipeline/state-positions.js';
import { KnownState } from './pipeline/known-state.js';
import { skipBatch } from './pipeline/position-choices.js';
import { sampleSchemaIds } from './pipeline/sampled-schemas.js';
import type { PipelineObserver } from './pipeline/observer.js';
import type { GroupMembership, Partitioner } from './pipeline/ports.js';
import { CompanySynchronizedRecords, type EventOptions } from './publish/company-synchronized.js';
import { CompanySyncFailedRecords } from './publish/company-sync-failed.js';
import { stalledRecordOf, type CompanySyncStalledOptions } from './publish/company-sync-stalled.js';
import type { EventWriter } from './publish/event-types.js';
import { deadLetterOf } from './publish/dead-letter.js';
import type { StateDirectory } from './store/key-value-store.js';
import type { Surroundings } from './surroundings.js';

/** Registers a resource. It is closed after the partitions. */
export type OnClose = (name: string, close: () => Promise<void>) => void;

/** The registry, after it has answered. */
export interface KnownRegistry {
  readonly source: SchemaSource;
  readonly readers: ReaderSchemas;
  /** Writes `CompanySynchronized`. `schemaId` is the id of its registered schema. */
  readonly type: EventWriter;
  readonly schema: object;
  readonly schemaId: number;
  /** The same for `CompanySyncStalled`. */
  readonly stalled: CompanySyncStalledOptions;
  /** The same for `CompanySyncFailed`. */
  readonly failed: Pick<EventOptions, 'type' | 'schemaId'>;
  /** The id of the first version of the schema of `CompanySynchronized`. It distinguishes registries. */
  readonly identity: number | null;
}

interface Settings {
  readonly surroundings: Pick<Surroundings, 'kafka'>;
  readonly cluster: ClusterView;
  /** Shared by all logs that the process reads. */
  readonly largeBatches: LargeBatches;
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface ContextParts extends Settings {
  /** Called when the instance cannot continue: the process must end with an error. */
  readonly onCrash: (error: Error) => void;
  /** Notified in addition to the log. */
  readonly observers: readonly Partial<PipelineObserver>[];
  readonly topics: CheckedTopics;
  readonly registry: KnownRegistry;
  readonly decidingSettings: DecidingSettings;
  readonly membership: GroupMembership;
  readonly partitioner: Partitioner;
  readonly statePositions: StatePositions;
  readonly state: StateDirectory;
  readonly memory: MemoryBudget;
  /** The number of partitions that share the memory now. */
  readonly size: () => number;
  readonly onClose: OnClose;
  readonly failures: FailureWatch;
}

/** How many partitions each topic that the pipeline writes to has, except the changelog. */
export function outboundPartitions({ topics }: Config, { partitions }: CheckedTopics): ReadonlyMap<string, number> {
  return new Map([
    [topics.companySynchronized, partitions.companySynchronized],
    [topics.deadLetter, partitions.deadLetter],
    [topics.companySyncStalled, partitions.companySyncStalled],
    [topics.companySyncFailed, partitions.companySyncFailed],
  ]);
}

export function createPipelineContext(parts: ContextParts): PipelineContext {
  const { cluster, config, logger, clock, observers, topics, registry } = parts;
  const { membership, statePositions, state, memory, onClose, failures } = parts;
  const shareOf = (bytes: number) => Math.floor(bytes / Math.max(1, parts.size()));
  const { applicationId, eventNamespace } = config;
  const { source, readers, type, schemaId, stalled, failed } = registry;
  const { kafka } = parts.surroundings;
  const decoder = createSyncEventDecoder(readers.syncEvent, { source, clock, knownId: schemaId });
  const sampled = {
    logs: createLogs(parts, onClose, { maxPartitionBytes: SAMPLE_BYTES }),
    topic: config.topics.syncEvents,
    partitions: topics.partitions.syncEvents,
    clock,
  };
  const brake = new RegistryBrake({
    isConfirmed: config.consents.includes('unknown-schemas'),
    decoder,
    source,
    clock,
    sampleIds: () => sampleSchemaIds(sampled),
  });
  const announcements = new CompanySynchronizedRecords({ type, schemaId, applicationId, eventNamespace });
  const failedRecords = new CompanySyncFailedRecords({ ...failed, applicationId, eventNamespace });
  const names = {
    input: config.topics.syncEvents,
    changelog: config.topics.companyState,
    synchronized: config.topics.companySynchronized,
    deadLetter: config.topics.deadLetter,
    stalled: config.topics.companySyncStalled,
    failed: config.topics.companySyncFailed,
  };
  return {
    applicationId,
    clusterId: topics.clusterId,
    kafkaCommand: kafkaCommandsOf(kafka),
    topics: names,
    decidingSettings: parts.decidingSettings,
    allDatasetsFrom: config.allDatasetsFrom,
    mayBeFirstStart: config.consents.includes('used-outbound-topic'),
    mayChangeSettings: config.consents.includes('changed-settings'),
    endProcess: parts.onCrash,
    stalledAfterMs: config.stalledAfterMs,
    commitIntervalMs: config.commitIntervalMs,
    deleteRetentionMs: topics.changelogDeleteRetentionMs,
    cacheBytes: () => shareOf(memory.cacheBytes),
    loadBytes: () => shareOf(memory.loadBytes),
    inputLogs: createLogs(parts, onClose, {
      reuseMemory: true,
      remedy: ({ partition }, nextOffset) => skipBatch(partition, nextOffset),
      onTrouble: ({ partition }, error) => failures.readingFailed('partition', partition, error),
    }),
    changelogLogs: createLogs(parts, onClose, {
      ...CHANGELOG_READS,
      remedy: () => BUILD_STATE_AGAIN,
      onTrouble: ({ partition }, error) => failures.changelogFailed(partition, error),
    }),
    transactions: kafkaTransactions(kafka, {
      cluster,
      groupId: applicationId,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      clock,
    }),
    membership,
    partitioner: parts.partitioner,
    state,
    statePositions,
    known: new KnownState(topics.changelogTopicId),
    clock,
    observer: observeAll([new LoggingObserver(logger, () => steadyMs(clock)), failures, ...observers]),
    decode: (records, partition) => brake.begin(records, `partition ${partition}`),
    settings: createClientSettings(parts),
    encodeAnnouncement: (...announced) => announcements.recordOf(...announced),
    encodeDeadLetter: (badRecord, input) => deadLetterOf(badRecord.record, badRecord, input),
    encodeStall: (stall) => stalledRecordOf(stall, stalled),
    failureId: (failure) => failedRecords.idOf(failure),
    encodeFailure: (...reported) => failedRecords.recordOf(...reported),
  };
}

function createClientSettings(parts: ContextParts): ClientSettings {
  const { config, logger, clock, onClose, failures } = parts;
  const { source, readers, schemaId } = parts.registry;
  const schema = new ClientSettingsSchema(readers.clientSettings);
  const compile = (registered: object) => schema.compile(registered);
  const decoder = new ClientSettingsDecoder(new SchemaResolution({ source, clock, compile, knownId: schemaId }));
  const settings = new ClientSettings({
    logs: createSettingsLogs(parts, onClose, (error) => failures.readingFailed('client-settings', null, error)),
    topic: config.topics.clientSettings,
    decode: (values, signal, onWait) => decoder.decodeBatch(values, signal, onWait),
    mayHaveUnknownSchemas: config.consents.includes('unknown-schemas'),
    clock,
    onProgress: () => failures.progressed('client-settings', null),
    onError: (err, message) => {
      logger.warn({ err, topic: config.topics.clientSettings }, message);
      failures.failed('client-settings', null, err);
    },
    logger,
  });
  onClose('client-settings', () => settings.close());
  return settings;
}

export function createSettingsLogs(settings: Settings, onClose: OnClose, onTrouble: (error: Error) => void): KafkaLogs {
  return createLogs(settings, onClose, {
    remedy: ({ topic }, nextOffset) => sendSettingsAgain(topic, nextOffset),
    onTrouble: (_, error) => onTrouble(error),
  });
}

/**
 * The portal knows all choices. The choices below the unreadable batch come from the records that the portal sends
 * again.
 */
function sendSettingsAgain(topic: string, nextOffset: number): string {
  return (
    `Or ask the portal team to write all settings to ${topic} again, and delete the records below offset ${nextOffset} ` +
    '(kafka-delete-records.sh)'
  );
}

const BUILD_STATE_AGAIN =
  'Or, if another instance has the state of this partition on its disk, start that instance. If none has, build the ' +
  'state again: docs/operations.md, "The changelog is lost"';

type ReadOptions = Partial<Pick<KafkaLogsOptions, 'maxPartitionBytes' | 'reuseMemory' | 'onTrouble' | 'remedy'>>;

/** Enough for the batch of one record: the sample needs one record, and brokers return whole batches in any case. */
const SAMPLE_BYTES = 16 * 1_024;

/** Large reads, for restores. */
const CHANGELOG_READS: ReadOptions = {
  reuseMemory: true,
  maxPartitionBytes: 3 * 1024 * 1024,
};

export function createLogs(
  { surroundings, cluster, largeBatches, config, logger, clock }: Settings,
  onClose: OnClose,
  options: ReadOptions = {},
): KafkaLogs {
  const logs = new KafkaLogs({
    ...options,
    topics: config.topics,
    cluster,
    largeBatches,
    maxBatchBytes: config.maxBatchBytes,
    config: surroundings.kafka,
    groupId: config.applicationId,
    clock,
    onTrouble: (partition, err) => {
      logger.warn({ at: partition, err }, 'reading was interrupted; trying again');
      options.onTrouble?.(partition, err);
    },
  });
  onClose('log reader', () => logs.close());
  return logs;
}
