import type { Announcement } from '../domain/announcement.js';
import type { Policy } from '../domain/policy.js';
import type { Stall } from '../domain/stall.js';
import type { SyncFailure } from '../domain/sync-failure.js';
import type { BadRecord } from '../decode/bad-record.js';
import type { RecordsDecoding } from '../decode/registry-brake.js';
import type { Clock } from '../lib/clock.js';
import type { KafkaCommand } from '../lib/shell-command.js';
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import type { StateDirectory } from '../store/key-value-store.js';
import type { StatePositions } from './state-positions.js';
import type { KnownState } from './known-state.js';
import type { PipelineObserver } from './observer.js';
import type { GroupMembership, Logs, Partitioner, Transactions } from './ports.js';

export interface PipelineTopics {
  readonly input: string;
  readonly changelog: string;
  readonly synchronized: string;
  readonly deadLetter: string;
  readonly stalled: string;
  readonly failed: string;
}

/** The parts that the tasks of all partitions share: settings resolved once, and the ports to the outside. */
export interface PipelineContext {
  readonly applicationId: string;
  readonly clusterId: string;
  /** Makes commands of Kafka's own tools for these brokers. */
  readonly kafkaCommand: KafkaCommand;
  readonly topics: PipelineTopics;
  /**
   * Setting name -> value. All instances have the same values, and only the documented procedures change them. Stored
   * with the position, and compared at each take-over.
   */
  readonly decidingSettings: ReadonlyMap<string, string>;
  /** Records stamped at or after this time are judged by ALL_DATASETS; milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** Whether an operator has consented to a first start although companies may have been announced before. */
  readonly mayBeFirstStart: boolean;
  /** Whether an operator has consented to settings that differ from those that built the state. */
  readonly mayChangeSettings: boolean;
  /** Ends the process with the error: the instance must not continue, whatever its other partitions do. */
  readonly endProcess: (error: Error) => void;
  /** Time without progress after which a company counts as stalled. */
  readonly stalledAfterMs: number;
  /** How long a partition that is not behind gathers records before it commits them. */
  readonly commitIntervalMs: number;
  /**
   * The changelog's delete.retention.ms: a folder that was away for longer may contain rows that tombstones have
   * removed.
   */
  readonly deleteRetentionMs: number;
  /** The bytes of rows that one partition may now keep in memory between batches. */
  readonly cacheBytes: () => number;
  /** The bytes of rows that one transaction of a partition may now load and change. A single record may load more. */
  readonly loadBytes: () => number;

  readonly inputLogs: Logs;
  /** Uses its own connections, so that a restore does not slow down the running partitions. */
  readonly changelogLogs: Logs;
  readonly transactions: Transactions;
  readonly membership: GroupMembership;
  readonly partitioner: Partitioner;
  readonly state: StateDirectory;
  /** Notified whenever a store has followed the changelog. */
  readonly statePositions: StatePositions;
  /** What this process knows of the state of all partitions, since its start. */
  readonly known: KnownState;
  readonly clock: Clock;
  readonly observer: PipelineObserver;

  readonly decode: (records: readonly LogRecord[], partition: number) => RecordsDecoding;
  readonly settings: ClientPolicies;
  readonly encodeAnnouncement: (
    announcement: Announcement,
    input: TopicPartition,
    completing: LogRecord,
  ) => RecordToWrite;
  readonly encodeDeadLetter: (badRecord: BadRecord, input: TopicPartition) => RecordToWrite;
  readonly encodeStall: (stall: Stall) => RecordToWrite;
  /** The event id of one failure of a company. */
  readonly failureId: (failure: Pick<SyncFailure, 'companyId' | 'attempt'>) => string;
  /** @param cause the input record that brought the failure about */
  readonly encodeFailure: (failure: SyncFailure, input: TopicPartition, cause: LogRecord) => RecordToWrite;
}

/** The clients' own choices of policy. */
export interface ClientPolicies {
  /**
   * Resolves when all choices that existed at the start have been read. No decision may be made before that. Also
   * resolves when `signal` aborts.
   */
  ready(signal: AbortSignal): Promise<void>;
  policyOf(clientId: string): Policy | undefined;
}
