/** When a company counts as stalled, and what is reported. Nothing is ever announced because of it. */
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { TimestampMs } from './events.js';
import { lastProgressOf } from './pending-company.js';
import type { PendingCompany } from './rows.js';
import { classOf } from './statuses.js';
import { HOUR_MS } from '../lib/time-units.js';

/** Entries of each list of a stall: enough to begin with. The counts say how many there are. */
const MAX_LISTED = 100;

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

/** Takes `now` for the time of the last progress, if the record that brought it has no date. */
export function dateProgress(rows: CompanyRows, now: TimestampMs): void {
  const { company } = rows;
  if (company?.outcome === 'pending' && lastProgressOf(company) === null)
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
