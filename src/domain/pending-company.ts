/** A company before its outcome: its initial row, and how its progress is recorded. */
import type { TimestampMs } from './events.js';
import { isDate } from './policy.js';
import type { PendingCompany } from './rows.js';
import { HOUR_MS } from '../lib/time-units.js';

/** The hour of a record timestamp that is not a date. */
export const UNKNOWN_HOUR = 0;

export const NEW_COMPANY: PendingCompany = {
  outcome: 'pending',
  named: 0,
  unfinished: 0,
  laterFinished: 0,
  succeeded: 0,
  early: 0,
  forgotten: 0,
  holds: 0,
  links: 0,
  unsealed: 0,
  endedLinks: 0n,
  announcementBytes: 0,
  stalled: false,
  failureReported: false,
  progressHour: UNKNOWN_HOUR,
};

/** Records that something was applied. Precise to the hour, so most records leave the company row unchanged. */
export function withProgress(company: PendingCompany, timestamp: TimestampMs): PendingCompany {
  const progressHour = isDate(timestamp) ? Math.floor(timestamp / HOUR_MS) : UNKNOWN_HOUR;
  if (company.progressHour === progressHour && !company.stalled) return company;
  return { ...company, progressHour, stalled: false };
}

/** When the company last made progress, to the hour. Null if the record that caused the progress has no date. */
export function lastProgressOf({ progressHour }: Pick<PendingCompany, 'progressHour'>): TimestampMs | null {
  const progressAt = progressHour * HOUR_MS;
  return isDate(progressAt) ? progressAt : null;
}
