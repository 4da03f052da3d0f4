/** What was decided about the records of one transaction. */
import type { Announcement } from '../domain/announcement.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { Stall } from '../domain/stall.js';
import type { SyncFailure } from '../domain/sync-failure.js';
import type { Ignored } from '../domain/transition.js';
import type { BadRecord } from '../decode/bad-record.js';
import type { LogRecord } from '../lib/record.js';
import type { UndatedRecords } from './observer.js';

/** The results of a batch, in addition to the changed rows in the `touched` companies. Each company appears once. */
export interface Decisions {
  readonly touched: readonly CompanyRows[];
  readonly announcements: readonly { readonly announcement: Announcement; readonly completing: LogRecord }[];
  readonly badRecords: readonly BadRecord[];
  readonly stalls: readonly Stall[];
  readonly failures: readonly { readonly failure: SyncFailure; readonly cause: LogRecord }[];
  /** The position of the first record that was not processed. */
  readonly end: number;
}

/** Decisions, with figures for the batch report. */
export interface DecidedBatch extends Decisions {
  readonly ignored: Readonly<Record<Ignored['why'], number>>;
  readonly undated: UndatedRecords | null;
  /** Records that completed their company. A record of an earlier batch completed an overdue company. */
  readonly completing: number;
  /** The number of companies of these records, and how many of them were in memory. */
  readonly companies: number;
  readonly cachedCompanies: number;
  /** The approximate number of changed rows. */
  readonly changedRows: number;
  /** The approximate memory of the loaded and changed rows. */
  readonly bytes: number;
}

/** What the decisions of one transaction may load into memory. A single record may load more. */
export interface DecisionLimits {
  /** Rows that change, or that are loaded because an event needs all rows of its company. */
  readonly rows: number;
  /** Bytes of the loaded and changed rows, by the estimate of `CompanyRows.bytes`. */
  readonly bytes: number;
}

/** The result of a part of the log that delivers no records: only the position moves. */
export const NOTHING_DECIDED: Decisions = {
  touched: [],
  announcements: [],
  badRecords: [],
  stalls: [],
  failures: [],
  end: 0,
};
