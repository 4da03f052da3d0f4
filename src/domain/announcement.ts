/** The announcement of a company, and the final row that the company keeps afterwards. */
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
  /** The last status; `Cancelled` if the link ended before the dataset did. */
  readonly status: string;
  /** Input offset of the record that gave the status. For a derived `Cancelled`, the offset of the unlinking. */
  readonly decidedAtOffset: Offset;
}

/** The name of the input partition that an announcement comes from: the `ce_source` of its event. */
export function announcementSource(applicationId: string, topic: string, partition: number): string {
  return `/${applicationId}/${topic}/${partition}`;
}

/** The decision to announce a company. A company gets at most one. */
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
  /** Kafka timestamp of the first manifest. Null if an older release has read that manifest. */
  readonly linkedAt: TimestampMs | null;
  /**
   * An older release read the record and did not know its status word. Later records were judged before this
   * announcement.
   */
  readonly late: boolean;
}

/**
 * Announces a company that `transition` found completed by `completing`, and reduces the company to its final row. All
 * of its rows must be loaded.
 */
export function announce(rows: CompanyRows, completing: Completing, policy: Policy): Announcement {
  const company = rows.company as PendingCompany;
  const info = rows.info;
  if (info === null) throw new Error(`company ${rows.companyId} is complete but has no info row`);

  const datasets = describeNamedDatasets(rows, company, info);
  const counts: Record<StatusClass, number> = { succeeded: 0, failed: 0, ended: 0, 'in-progress': 0 };
  for (const dataset of datasets) counts[classOf(dataset.status)]++;
  const { succeeded, failed, ended } = counts;
  const linkedAt = rows.firstSync?.linkedAt ?? null;

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
    linkedAt,
    late: completing.late ?? false,
  };
}

/** The datasets named by manifests, as they count now. All rows of the company must be loaded. */
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
  if (connection === undefined)
    throw new Error(`dataset ${datasetId} names connection ${place.connection}, which does not exist`);
  const { connectionId } = connection;
  const { dataType } = place;
  const cancelled = classOf(row.status) === 'in-progress' && inEndedLink(row, endedLinks);
  if (!cancelled) return { datasetId, dataType, connectionId, status: row.status, decidedAtOffset: row.offset };
  const endedAt = info.links[place.link]?.endedAt;
  if (endedAt == null) throw new Error(`dataset ${datasetId} is in an ended link that has no end offset`);
  return { datasetId, dataType, connectionId, status: 'Cancelled', decidedAtOffset: endedAt };
}
