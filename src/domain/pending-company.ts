/** A company before its outcome: where it starts, and how its progress is noted. */
import type { TimestampMs } from './events.js';
import type { PendingCompany } from './rows.js';

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
  stalled: false,
  progressHour: 0,
};

export const HOUR_MS = 3_600_000;

/** Notes that something was applied. To the hour, so that most records leave the company row as it is. */
export function withProgress(company: PendingCompany, timestamp: TimestampMs): PendingCompany {
  const progressHour = Math.floor(timestamp / HOUR_MS);
  if (company.progressHour === progressHour && !company.stalled) return company;
  return { ...company, progressHour, stalled: false };
}
