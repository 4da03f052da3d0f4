import type { Logger } from 'pino';
import type { Announcement } from '../domain/announcement.js';
import type { Poison } from '../decode/poison.js';
import {
  FencedError,
  HangingTransactionError,
  InconsistentPositionError,
  RecordTooLargeError,
} from '../pipeline/errors.js';
import type { PartitionStatus, PipelineObserver, RestoreProgress } from '../pipeline/observer.js';

/** Unknown status words are logged once each; so many are remembered. */
const MAX_REMEMBERED_WORDS = 1_000;
/** The partition is `blocked` then, and says why. */
const TOLD_BY_THE_STATE = [InconsistentPositionError, HangingTransactionError, RecordTooLargeError];
const RESTORE_LOG_INTERVAL_MS = 2_000;

/** Tells an operator what happens, one JSON line each, searchable by companyId and partition. */
export class LoggingObserver implements PipelineObserver {
  readonly #unknownWords = new Set<string>();
  readonly #restoreLoggedAt = new Map<number, number>();

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number,
  ) {}

  state(partition: number, { state, reason }: PartitionStatus): void {
    const level = state === 'blocked' || state === 'waiting-for-registry' ? 'warn' : 'info';
    this.logger[level]({ partition, state, ...(reason === null ? {} : { reason }) }, `partition is ${state}`);
  }

  step(): void {}

  batch(): void {}

  restore(partition: number, { position, start, end, records }: RestoreProgress): void {
    const last = this.#restoreLoggedAt.get(partition) ?? 0;
    if (position < end && this.now() - last < RESTORE_LOG_INTERVAL_MS) return;
    this.#restoreLoggedAt.set(partition, this.now());
    const percent = Math.floor((100 * (position - start)) / Math.max(1, end - start));
    this.logger.info({ partition, position, end, records, percent }, 'restoring state from the changelog');
  }

  announced(partition: number, { companyId, clientId, policy, offset, ...rest }: Announcement): void {
    const { succeeded, failed, ended } = rest;
    this.logger.info(
      { companyId, clientId, partition, offset, policy, succeeded, failed, ended },
      'company is synchronized',
    );
  }

  poison(partition: number, { code, message, record, heldCompanyId }: Poison): void {
    this.logger.warn(
      { partition, offset: record.offset, code, ...(heldCompanyId === null ? {} : { companyId: heldCompanyId }) },
      `record set aside in the dead-letter topic: ${message}`,
    );
  }

  unknownStatus(status: string, companyId: string): void {
    if (this.#unknownWords.has(status) || this.#unknownWords.size >= MAX_REMEMBERED_WORDS) return;
    this.#unknownWords.add(status);
    this.logger.warn({ status, companyId }, 'unknown dataset status, taken as in progress');
  }

  forgotEarlyDatasets(companyId: string, count: number): void {
    this.logger.warn({ companyId, count }, 'forgot datasets that no manifest has named: too many in one company');
  }

  setAside(partition: number, why: string): void {
    this.logger.warn({ partition, why }, 'state folder set aside, state will be restored from the changelog');
  }

  error(partition: number, error: unknown): void {
    if (TOLD_BY_THE_STATE.some((kind) => error instanceof kind)) return;
    const level = error instanceof FencedError ? 'info' : 'warn';
    this.logger[level]({ partition, err: error }, 'partition will be taken over anew');
  }
}
