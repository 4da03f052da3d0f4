/** When a company counts as stalled, and what is reported. Nothing is ever announced because of it. */
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { TimestampMs } from './events.js';
import { HOUR_MS, lastProgressOf } from './pending-company.js';
import type { PendingCompany } from './rows.js';
import { classOf } from './statuses.js';

/** Entries of each list of a stall: enough to begin with. The counts say how many there are. */
const MAX_LISTED = 100;
/** By how much the clocks of producers may be ahead. */
const CLOCK_SKEW_MS = HOUR_MS;

/** Told once for each time that a company makes no progress for long. */
export interface Stall {
  readonly companyId: string;
  /** Empty while no manifest has named it. */
  readonly clientId: string;
  /** The start of the hour in which the company last made progress. */
  readonly since: TimestampMs;
  /** Those that have waited longest, MAX_LISTED at most. */
  readonly waitingFor: readonly AnnouncedDataset[];
  readonly waitingForCount: number;
  /** linkId of each link whose final manifest has not come, MAX_LISTED at most. */
  readonly unsealedLinks: readonly string[];
  readonly unsealedLinksCount: number;
  /** `<partition>/<offset>` of each poison record that holds the company, MAX_LISTED at most. */
  readonly heldBy: readonly string[];
  readonly heldByCount: number;
}

/**
 * Whether the company has made no progress for `stalledAfterMs`, up to `now`. Progress is kept to the hour, and taken
 * for as late as that hour allows: nobody is stalled early, and everybody at most an hour late. A company whose last
 * record has no date is not stalled until `dateProgress` has given it one.
 */
export function isStalled(company: PendingCompany, now: TimestampMs, stalledAfterMs: number): boolean {
  const { progressHour } = company;
  return lastProgressOf(company) !== null && now >= (progressHour + 1) * HOUR_MS + stalledAfterMs;
}

/**
 * Whether the time of the last progress says nothing: the record that brought it has no date, or one in the future, as a
 * producer stamps it that counts in microseconds. Its company would never count as stalled.
 */
export function isUndated(company: PendingCompany, now: TimestampMs): boolean {
  const lastProgress = lastProgressOf(company);
  return lastProgress === null || lastProgress > now + CLOCK_SKEW_MS;
}

/** Takes `now` for the time of the last progress, if that is undated. */
export function dateProgress(rows: CompanyRows, now: TimestampMs): void {
  const { company } = rows;
  if (company?.outcome === 'pending' && isUndated(company, now))
    rows.setCompany({ ...company, progressHour: Math.floor(now / HOUR_MS) });
}

/** Notes in the company's row that its stall is reported, until it makes progress. The company must be whole. */
export function reportStall(rows: CompanyRows): Stall {
  const { company, info, companyId } = rows;
  if (company?.outcome !== 'pending' || company.stalled)
    throw new Error(`company ${companyId} has no stall that is not reported yet`);
  rows.setCompany({ ...company, stalled: true });
  const named = info === null ? [] : describeNamedDatasets(rows, company, info);
  const waitingFor = named.filter(({ status }) => classOf(status) === 'in-progress');
  waitingFor.sort((a, b) => a.decidedAtOffset - b.decidedAtOffset);
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
    heldByCount: holds.length,
  };
}
