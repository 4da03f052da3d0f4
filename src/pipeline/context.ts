import type { Announcement } from '../domain/announcement.js';
import type { Policy } from '../domain/policy.js';
import type { Stall } from '../domain/stall.js';
import type { Decoded, Poison } from '../decode/poison.js';
import type { Clock } from '../lib/clock.js';
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';
import type { StateDirectory } from '../store/key-value-store.js';
import type { HeldPositions } from './held-positions.js';
import type { PipelineObserver } from './observer.js';
import type { GroupMembership, Logs, Partitioner, Transactions } from './ports.js';

export interface PipelineTopics {
  readonly input: string;
  readonly changelog: string;
  readonly synchronized: string;
  readonly deadLetter: string;
  readonly stalled: string;
}

/** Everything that the tasks of all partitions share: settings resolved once, and the ports to the world. */
export interface PipelineContext {
  readonly applicationId: string;
  readonly clusterId: string;
  readonly topics: PipelineTopics;
  /**
   * Setting name -> value: all instances have the same, and they never change but by the documented procedures. Recorded
   * beside the position, and compared at each take-over.
   */
  readonly decidingSettings: ReadonlyMap<string, string>;
  /** Records stamped from then on are judged by ALL_DATASETS; milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** An operator has consented that they differ from those that the state was built by. */
  readonly mayChangeSettings: boolean;
  /** The instance must not go on, whatever its other partitions do: the process ends with the error. */
  readonly endProcess: (error: Error) => void;
  /** Time without progress after which a company counts as stalled. */
  readonly stalledAfterMs: number;
  /** The changelog's delete.retention.ms: a folder away for longer may hold what tombstones have removed. */
  readonly deleteRetentionMs: number;
  /** Bytes of rows that one partition may keep in memory between batches, at present. */
  readonly cacheBytes: () => number;
  /** Bytes of rows that one transaction of a partition may load and change, at present. A single record may bring more. */
  readonly loadBytes: () => number;

  readonly inputLogs: Logs;
  /** A connection of its own, so that a restore does not slow the partitions that run. */
  readonly changelogLogs: Logs;
  readonly transactions: Transactions;
  readonly membership: GroupMembership;
  readonly partitioner: Partitioner;
  readonly state: StateDirectory;
  /** Told whenever a store has followed the changelog. */
  readonly held: HeldPositions;
  readonly clock: Clock;
  readonly observer: PipelineObserver;

  readonly decode: (records: readonly LogRecord[], signal: AbortSignal) => Promise<Decoded[]>;
  readonly settings: ClientPolicies;
  readonly encodeAnnouncement: (
    announcement: Announcement,
    input: TopicPartition,
    completing: LogRecord,
  ) => RecordToWrite;
  readonly encodeDeadLetter: (poison: Poison, input: TopicPartition) => RecordToWrite;
  readonly encodeStall: (stall: Stall) => RecordToWrite;
}

/** The clients' own choices of policy. */
export interface ClientPolicies {
  /**
   * Resolves once all settings that were there at the start have been read: no decision before that. Resolves also when
   * `signal` aborts.
   */
  ready(signal: AbortSignal): Promise<void>;
  policyOf(clientId: string): Policy | undefined;
}
