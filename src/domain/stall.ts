/** Decides when a company counts as stalled, and what is reported. A stall never causes an announcement. */
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { TimestampMs } from './events.js';
import { lastProgressOf } from './pending-company.js';
import { byAge, type DatasetRow, type PendingCompany } from './rows.js';
import { classOf } from './statuses.js';
import { HOUR_MS } from '../lib/time-units.js';

/** The most entries in each list of a stall. An operator needs the first few; the counts give the full numbers. */
export const MAX_LISTED = 100;
/** The largest accepted difference if the clock of a producer is ahead. */
const CLOCK_SKEW_MS = HOUR_MS;

/** Reported once for each period in which a company makes no progress for too long. */
export interface Stall {
  readonly companyId: string;
  /** Empty while no manifest has named the client. */
  readonly clientId: string;
  /** The start of the hour in which the company last made progress. */
  readonly since: TimestampMs;
  /** The datasets that have waited longest, at most MAX_LISTED. */
  readonly waitingFor: readonly AnnouncedDataset[];
  readonly waitingForCount: number;
  /** linkId of each link whose final manifest has not arrived, at most MAX_LISTED. */
  readonly unsealedLinks: readonly string[];
  readonly unsealedLinksCount: number;
  /** `<partition>/<offset>` of each bad record that holds the company, at most MAX_LISTED. */
  readonly heldBy: readonly string[];
  readonly heldByCount: number;
}

/**
 * Whether the company has something to wait for, and has made no progress for `stalledAfterMs`, up to `now`. Progress is
 * stored to the hour, and counts as made at the end of that hour. So a company is never reported early, and at most an
 * hour late. If a company's last record has no date, the company is not stalled until `dateProgress` has set one.
 *
 * A company that was reported as failed waits for nothing. If a release that does not report failures has brought it
 * into that state, the stall is the only report that it gets.
 */
export function isStalled(company: PendingCompany, now: TimestampMs, stalledAfterMs: number): boolean {
  const { progressHour, failureReported } = company;
  return !failureReported && lastProgressOf(company) !== null && now >= (progressHour + 1) * HOUR_MS + stalledAfterMs;
}

/**
 * Whether the time of the last progress cannot be used. That is so if its record has no date, or a date in the future,
 * for example from a producer that counts in microseconds. With such a time the company would never count as stalled.
 */
export function isUndated(company: PendingCompany, now: TimestampMs): boolean {
  const lastProgress = lastProgressOf(company);
  return lastProgress === null || lastProgress > now + CLOCK_SKEW_MS;
}

/** Sets the time of the last progress to `now`, if that time is undated. */
export function dateProgress(rows: CompanyRows, now: TimestampMs): void {
  const { company } = rows;
  if (company?.outcome === 'pending' && isUndated(company, now))
    rows.setCompany({ ...company, progressHour: Math.floor(now / HOUR_MS) });
}

/**
 * Marks the stall as reported in the company row, until the company makes progress. All rows of the company and up to
 * MAX_LISTED of its holds must be loaded.
 */
export function reportStall(rows: CompanyRows): Stall {
  const { company, info, companyId } = rows;
  if (company?.outcome !== 'pending' || company.stalled)
    throw new Error(`company ${companyId} has no unreported stall`);
  rows.setCompany({ ...company, stalled: true });
  const named = info === null ? [] : describeNamedDatasets(rows, company, info);
  const waitingFor = named.filter(({ status }) => classOf(status) === 'in-progress');
  const rowOf = ({ datasetId }: AnnouncedDataset) => rows.dataset(datasetId) as DatasetRow;
  waitingFor.sort((a, b) => byAge(rowOf(a), rowOf(b)));
  const unsealed = (info?.links ?? []).filter((link) => !link.sealed && link.endedAt === null);
  const holds = rows.holds();
  return {
    companyId,
    clientId: info?.clientId ?? '',
    since: company.progressHour * HOUR_MS,
    waitingFor: waitingFor.slice(0, MAX_LISTED),
    waitingForCount: waitingFor.length,
    unsealedLinks: unsealed.slice(0, MAX_LISTED).map(({ linkId }) => linkId),
    unsealedLinksCount: unsealed.length,
    heldBy: holds.slice(0, MAX_LISTED).map(([record]) => record),
    heldByCount: company.holds,
  };
}
