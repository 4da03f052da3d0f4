/**
 * What the pipeline reports about itself: for logs, metrics and readiness, and for tests that stop it between two
 * steps.
 */
import type { Announcement } from '../domain/announcement.js';
import type { Stall } from '../domain/stall.js';
import type { SyncFailure } from '../domain/sync-failure.js';
import type { Ignored } from '../domain/transition.js';
import type { BadRecord } from '../decode/bad-record.js';
import type { LogRecord } from '../lib/record.js';
import type { TransactionOutcome } from './ports.js';

export const PARTITION_STATES = [
  /** Waiting for the group's confirmation, or for the backoff after an error. */
  'waiting',
  'fencing',
  'restoring',
  'running',
  /** The registry gives no usable answer: nothing is read until it does. */
  'waiting-for-registry',
  /**
   * The registry answers, but does not know the schema ids of many companies: it may be the wrong one
   * (decode/registry-brake.ts).
   */
  'waiting-for-confirmation',
  /**
   * Waits until an operator acts. The errors: `InconsistentPositionError`, and NEED_AN_OPERATOR in retry-waits.ts.
   */
  'blocked',
  'closed',
] as const;
export type PartitionState = (typeof PARTITION_STATES)[number];

export interface PartitionStatus {
  readonly state: PartitionState;
  /** Why, in words for an operator; null if there is nothing to explain. */
  readonly reason: string | null;
}

/** The steps of a batch, in this order: see the sequence diagram in docs/architecture.md. */
export const BATCH_STEPS = [
  'fetched',
  'decided',
  'begun',
  'applied',
  'produced',
  'offset-sent',
  'committed',
  'confirmed',
] as const;
export type BatchStep = (typeof BATCH_STEPS)[number];

export type IgnoredRecords = Readonly<Record<Ignored['why'], number>>;

/** Records whose timestamp is not a date: it is missing, or in seconds. */
export interface UndatedRecords {
  readonly count: number;
  /** One of the records; its companyId is null if the record's key does not name a company. */
  readonly example: { readonly offset: number; readonly timestamp: number; readonly companyId: string | null };
}

export interface BatchReport {
  readonly records: number;
  /**
   * Numbers of records: those that announced a company, dead letters, and those that changed nothing. All others
   * were applied.
   */
  readonly announced: number;
  readonly deadLetters: number;
  readonly ignored: IgnoredRecords;
  /** Null if there were none. */
  readonly undated: UndatedRecords | null;
  readonly changes: number;
  /** The number of companies of these records, and how many of them were in memory. */
  readonly companies: number;
  readonly cachedCompanies: number;
  /** From the decoded records to the commit's answer. */
  readonly durationMs: number;
  /** From the timestamp of the first record to the commit's answer; from its reading if the timestamp is not a date. */
  readonly latencyMs: number;
  /** Input position after the batch. */
  readonly position: number;
  /** Records between the position and the last known last stable offset. */
  readonly lag: number;
}

export interface RestoreProgress {
  readonly position: number;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  /** Estimated from the rate so far; null before the first records. */
  readonly remainingMs: number | null;
}

export interface StandbyProgress {
  /** Changelog offsets: where the next read starts, and the last stable offset. */
  readonly position: number;
  readonly end: number;
}

/** The disk space of one state folder. */
export interface FolderUse {
  /** Null for a folder that was set aside. */
  readonly partition: number | null;
  readonly bytes: number;
}

/** Companies of a partition that are neither announced nor deleted, as counted by the last pass over their rows. */
export interface PendingCompanies {
  readonly pending: number;
  readonly held: number;
  readonly stalled: number;
  /** Companies whose `CompanySyncFailed` was published, and that have been in that state since. */
  readonly failed: number;
}

export interface RecountedCompanies {
  /** Companies with a dataset that only a later word finishes. */
  readonly companies: number;
  /** Of these, the companies that waited only for that word: the pass has announced them. */
  readonly announced: number;
}

export interface PipelineObserver {
  state(partition: number, status: PartitionStatus): void;
  step(partition: number, step: BatchStep): void;
  batch(partition: number, report: BatchReport): void;
  /** No record was decoded for `ms`, because the registry denied schema ids that did not count as unknown yet. */
  waitedForSchemas(partition: number, ms: number): void;
  restore(partition: number, progress: RestoreProgress): void;
  /** The brokers have delivered none of the remaining records for `stalledMs`. */
  restoreStalled(partition: number, progress: RestoreProgress, stalledMs: number): void;
  /** A standby has followed the changelog. Null: the standby is no longer kept. */
  standby(partition: number, progress: StandbyProgress | null): void;
  /** A standby failed, and restarts after a while. */
  standbyError(partition: number, error: unknown): void;
  /** @param completing the input record that completed the company */
  announced(partition: number, announcement: Announcement, completing: LogRecord): void;
  deadLetter(partition: number, badRecord: BadRecord): void;
  stalled(partition: number, stall: Stall): void;
  syncFailed(partition: number, failure: SyncFailure): void;
  companies(partition: number, counts: PendingCompanies): void;
  unknownStatus(status: string, companyId: string): void;
  /** After an upgrade to more status words, all companies of the partition were counted again. */
  recounted(partition: number, counts: RecountedCompanies): void;
  forgotEarlyDatasets(companyId: string, count: number): void;
  setAside(partition: number, why: string): void;
  /**
   * The brokers have left the former owner's last transaction open in some places. It is ended there with the same
   * outcome.
   */
  leftOpen(partition: number, outcome: TransactionOutcome, places: readonly string[]): void;
  /** The disk use of all state folders, reported from time to time. */
  diskUse(folders: readonly FolderUse[]): void;
  /** A folder that was unused for `unusedMs` was removed. */
  stateRemoved(folder: string, unusedMs: number, bytes: number): void;
  /** The sweep could not list or remove unused state; it tries again. */
  sweepError(error: unknown): void;
  error(partition: number, error: unknown): void;
}
