/** When a company counts as stalled, and what is told of it. Nothing is ever announced because of it. */
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { TimestampMs } from './events.js';
import { HOUR_MS } from './pending-company.js';
import type { PendingCompany } from './rows.js';
import { classOf } from './statuses.js';

/** Told once for each time that a company makes no progress for long. */
export interface Stall {
  readonly companyId: string;
  /** Empty while no manifest has named it. */
  readonly clientId: string;
  /** The start of the hour in which the company last made progress. */
  readonly since: TimestampMs;
  readonly waitingFor: readonly AnnouncedDataset[];
  /** linkId of each link whose final manifest has not come. */
  readonly unsealedLinks: readonly string[];
  /** `<partition>/<offset>` of each poison record that holds the company. */
  readonly heldBy: readonly string[];
}

/**
 * Whether the company has made no progress for `stalledAfterMs`, up to `now`. Progress is kept to the hour, and taken
 * for as late as that hour allows: nobody is stalled early, and everybody at most an hour late.
 */
export function isStalled({ progressHour }: PendingCompany, now: TimestampMs, stalledAfterMs: number): boolean {
  return now >= (progressHour + 1) * HOUR_MS + stalledAfterMs;
}

/** Notes in the company's row that its stall is told of, until it makes progress. The company must be whole. */
export function reportStall(rows: CompanyRows): Stall {
  const { company, info, companyId } = rows;
  if (company?.outcome !== 'pending' || company.stalled)
    throw new Error(`company ${companyId} has no stall that is not reported yet`);
  rows.setCompany({ ...company, stalled: true });
  const named = info === null ? [] : describeNamedDatasets(rows, company, info);
  return {
    companyId,
    clientId: info?.clientId ?? '',
    since: company.progressHour * HOUR_MS,
    waitingFor: named.filter(({ status }) => classOf(status) === 'in-progress'),
    unsealedLinks: (info?.links ?? []).flatMap((link) => (link.sealed || link.endedAt !== null ? [] : [link.linkId])),
    heldBy: rows.holds().map(([record]) => record),
  };
}
