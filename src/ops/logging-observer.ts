import type { Logger } from 'pino';
import type { Announcement } from '../domain/announcement.js';
import type { Stall } from '../domain/stall.js';
import type { SyncFailure } from '../domain/sync-failure.js';
import { isoTime } from '../lib/iso-time.js';
import { RepeatedLines, withoutNumbers } from '../lib/repeated-lines.js';
import type { BadRecord } from '../decode/bad-record.js';
import {
  BrokerSettingError,
  FencedError,
  HangingTransactionError,
  InconsistentPositionError,
  RecordTooLargeError,
} from '../pipeline/errors.js';
import type {
  BatchReport,
  PartitionStatus,
  PipelineObserver,
  RecountedCompanies,
  RestoreProgress,
} from '../pipeline/observer.js';
import type { TransactionOutcome } from '../pipeline/ports.js';
import { HOUR_MS } from '../lib/time-units.js';

/** Each unknown status word is logged once. This many words are remembered. */
const MAX_REMEMBERED_WORDS = 1_000;
/** After these errors, the partition is `blocked` and its state has the reason. */
const ERRORS_LOGGED_AS_STATE = [
  BrokerSettingError,
  InconsistentPositionError,
  HangingTransactionError,
  RecordTooLargeError,
];
const RESTORE_LOG_INTERVAL_MS = 2_000;
const UNDATED_LOG_INTERVAL_MS = HOUR_MS;
/** Limit of partition states that have lines of their own. */
const MAX_STATES = 2_000;

/** Logs what happens as one JSON line each, searchable by companyId and partition. */
export class LoggingObserver implements PipelineObserver {
  readonly #unknownWords = new Set<string>();
  readonly #restoreLoggedAt = new Map<number, number>();
  /** Records without a date since the last line about them. */
  #undated = 0;
  #undatedLoggedAt: number | null = null;
  /**
   * Partitions that have failed and do not run again yet. Each attempt passes through the same states, which are not
   * logged.
   */
  readonly #failed = new Set<number>();
  readonly #states: RepeatedLines;

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number,
  ) {
    this.#states = new RepeatedLines(now, MAX_STATES);
  }

  state(partition: number, { state, reason }: PartitionStatus): void {
    const isTrouble =
      state === 'blocked' || state.startsWith('waiting-for-') || (state === 'running' && reason !== null);
    const isAttempt =
      this.#failed.has(partition) && (state === 'waiting' || state === 'fencing' || state === 'restoring');
    if (state === 'running' || state === 'closed') this.#failed.delete(partition);
    const leftOut = isAttempt ? null : this.#states.take(`${partition} ${state} ${withoutNumbers(reason ?? '')}`, 3);
    if (leftOut === null) return;
    const level = isTrouble ? 'warn' : 'info';
    const fields = { partition, state, ...(reason === null ? {} : { reason }), ...(leftOut === 0 ? {} : { leftOut }) };
    this.logger[level](fields, `partition is ${state}`);
  }

  step(): void {}

  waitedForSchemas(): void {}

  batch(partition: number, { undated }: Pick<BatchReport, 'undated'>): void {
    if (undated === null) return;
    this.#undated += undated.count;
    if (this.#undatedLoggedAt !== null && this.now() - this.#undatedLoggedAt < UNDATED_LOG_INTERVAL_MS) return;
    const { offset, timestamp, companyId } = undated.example;
    this.logger.warn(
      { partition, offset, timestamp, companyId, records: this.#undated },
      'record timestamps are not dates (before 2015): missing, or in seconds instead of milliseconds. ' +
        'Those records are judged by ALL_DATASETS. Set message.timestamp.type=LogAppendTime, or correct the producer',
    );
    this.#undated = 0;
    this.#undatedLoggedAt = this.now();
  }

  restore(partition: number, { position, start, end, records, bytes, remainingMs }: RestoreProgress): void {
    const last = this.#restoreLoggedAt.get(partition) ?? -Infinity;
    if (position < end && this.now() - last < RESTORE_LOG_INTERVAL_MS) return;
    this.#restoreLoggedAt.set(partition, this.now());
    const percent = Math.floor((100 * (position - start)) / Math.max(1, end - start));
    const figures = { partition, position, end, records, bytes, percent, remainingMs };
    this.logger.info(figures, 'restoring state from the changelog');
  }

  restoreStalled(partition: number, { position, end }: RestoreProgress, stalledMs: number): void {
    const message = 'restoring makes no progress: the brokers return no changelog records from this position on';
    this.logger.warn({ partition, position, end, stalledMs }, message);
  }

  standby(): void {}

  standbyError(partition: number, err: unknown): void {
    this.logger.warn({ partition, err }, 'standby failed; starting it again');
  }

  announced(partition: number, { companyId, clientId, policy, offset, ...rest }: Announcement): void {
    const { succeeded, failed, ended } = rest;
    this.logger.info(
      { companyId, clientId, partition, offset, policy, succeeded, failed, ended },
      'company is synchronized',
    );
  }

  deadLetter(partition: number, { code, message, record, heldCompanyId }: BadRecord): void {
    this.logger.warn(
      { partition, offset: record.offset, code, ...(heldCompanyId === null ? {} : { companyId: heldCompanyId }) },
      `record copied to the dead-letter topic: ${message}`,
    );
  }

  syncFailed(partition: number, { companyId, clientId, offset, attempt, failed, ended }: SyncFailure): void {
    this.logger.warn(
      { companyId, clientId, partition, offset, attempt, failed, ended },
      'first sync is over without a Complete dataset',
    );
  }

  stalled(partition: number, { companyId, clientId, since, ...stall }: Stall): void {
    const { waitingForCount, unsealedLinksCount, heldByCount, heldBy } = stall;
    const counts = { waitingFor: waitingForCount, unsealedLinks: unsealedLinksCount, holds: heldByCount, heldBy };
    this.logger.warn({ companyId, clientId, partition, since: isoTime(since), ...counts }, 'company is stalled');
  }

  companies(): void {}

  unknownStatus(status: string, companyId: string): void {
    if (this.#unknownWords.has(status) || this.#unknownWords.size >= MAX_REMEMBERED_WORDS) return;
    this.#unknownWords.add(status);
    this.logger.warn({ status, companyId }, 'unknown dataset status; treating it as in progress');
  }

  recounted(partition: number, counts: RecountedCompanies): void {
    this.logger.info({ partition, ...counts }, 'counted companies again under the status words of this release');
  }

  forgotEarlyDatasets(companyId: string, count: number): void {
    this.logger.warn({ companyId, count }, 'forgot datasets that no manifest has named: too many in one company');
  }

  leftOpen(partition: number, outcome: TransactionOutcome, places: readonly string[]): void {
    const message =
      'the brokers have left the last transaction open in some places; ending it there with the same outcome';
    this.logger.warn({ partition, outcome, places }, message);
  }

  setAside(partition: number, why: string): void {
    this.logger.warn({ partition, why }, 'state folder set aside; restoring the state from the changelog');
  }

  diskUse(): void {}

  stateRemoved(folder: string, unusedMs: number, bytes: number): void {
    this.logger.info({ folder, unusedMs, bytes }, 'removed state that was unused for STATE_RETENTION');
  }

  sweepError(err: unknown): void {
    this.logger.warn({ err }, 'could not look for or remove unused state; trying again');
  }

  error(partition: number, error: unknown): void {
    this.#failed.add(partition);
    if (ERRORS_LOGGED_AS_STATE.some((kind) => error instanceof kind)) return;
    const level = error instanceof FencedError ? 'info' : 'warn';
    this.logger[level]({ partition, err: error }, 'taking the partition over again after an error');
  }
}
