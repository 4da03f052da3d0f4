/** What is announced of a company, and the final row that stays of it. */
import type { CompanyRows } from './company-rows.js';
import type { Offset, TimestampMs } from './events.js';
import type { Policy } from './policy.js';
import type { Completing } from './recount.js';
import type { Connection, DatasetPlace, DatasetRow, InfoRow, PendingCompany } from './rows.js';
import { classOf, type StatusClass } from './statuses.js';
import { inEndedLink } from './tally.js';

export interface AnnouncedDataset {
  readonly datasetId: string;
  readonly dataType: string;
  readonly connectionId: string;
  /** The last status; `Cancelled` where the link ended before the dataset did. */
  readonly status: string;
  /** Input offset of the record that gave the status: of the unlinking for a derived `Cancelled`. */
  readonly decidedAtOffset: Offset;
}

/** The decision: exactly one for each company, ever. */
export interface Announcement {
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: TimestampMs;
  readonly policy: Policy;
  readonly connections: readonly Connection[];
  readonly datasets: readonly AnnouncedDataset[];
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  /** Input offset of the record that completed the company. */
  readonly offset: Offset;
  /** The record was read long ago, by a release that did not know its word: records after it were judged before. */
  readonly late: boolean;
}

/**
 * Announces a company that `transition` has found completed by `completing`, and reduces it to its final row.
 * The company must be whole.
 */
export function announce(rows: CompanyRows, completing: Completing, policy: Policy): Announcement {
  const company = rows.company as PendingCompany;
  const info = rows.info;
  if (info === null) throw new Error(`company ${rows.companyId} is complete and has no info row`);

  const datasets = describeNamedDatasets(rows, company, info);
  const counts: Record<StatusClass, number> = { succeeded: 0, failed: 0, ended: 0, 'in-progress': 0 };
  for (const dataset of datasets) counts[classOf(dataset.status)]++;
  const { succeeded, failed, ended } = counts;

  rows.reduceTo({
    outcome: 'announced',
    policy,
    offset: completing.offset,
    synchronizedAt: completing.timestamp,
    named: datasets.length,
    succeeded,
    failed,
    ended,
  });
  return {
    companyId: rows.companyId,
    clientId: completing.clientId,
    companyName: info.companyName,
    synchronizedAt: completing.timestamp,
    policy,
    connections: info.connections,
    datasets,
    succeeded,
    failed,
    ended,
    offset: completing.offset,
    late: completing.late ?? false,
  };
}

/** The datasets named by manifests as they count now. The company must be whole. */
export function describeNamedDatasets(
  rows: CompanyRows,
  company: PendingCompany,
  info: InfoRow,
): readonly AnnouncedDataset[] {
  const described: AnnouncedDataset[] = [];
  for (const [datasetId, row] of rows.datasets())
    if (row.place !== null) described.push(describeDataset(datasetId, row, row.place, company.endedLinks, info));
  return described;
}

function describeDataset(
  datasetId: string,
  row: DatasetRow,
  place: DatasetPlace,
  endedLinks: bigint,
  info: InfoRow,
): AnnouncedDataset {
  const connection = info.connections[place.connection];
  if (connection === undefined) throw new Error(`dataset ${datasetId} names connection ${place.connection}: not there`);
  const { connectionId } = connection;
  const { dataType } = place;
  const cancelled = classOf(row.status) === 'in-progress' && inEndedLink(row, endedLinks);
  if (!cancelled) return { datasetId, dataType, connectionId, status: row.status, decidedAtOffset: row.offset };
  const endedAt = info.links[place.link]?.endedAt;
  if (endedAt == null) throw new Error(`dataset ${datasetId} is in an ended link without an end`);
  return { datasetId, dataType, connectionId, status: 'Cancelled', decidedAtOffset: endedAt };
}
