/**
 * Companies whose first sync is over without a Complete dataset. That is not final: a re-queue or another link may still
 * lead to an announcement.
 */
import { describeNamedDatasets, type AnnouncedDataset } from './announcement.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent, Offset, TimestampMs } from './events.js';
import type { Connection, FirstSyncRow, PendingCompany } from './rows.js';
import { classOf } from './statuses.js';

/** The row of a company whose first manifest an older release has read. */
const UNKNOWN_FIRST_SYNC: FirstSyncRow = { linkedAt: null, failures: 0 };

/** Reported once for each time that a company comes into the state of `hasFailed`. */
export interface SyncFailure {
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  /** Kafka timestamp of the record that brought this about. */
  readonly failedAt: TimestampMs;
  /** The number of this report among those of the company, from 1. */
  readonly attempt: number;
  readonly connections: readonly Connection[];
  readonly datasets: readonly AnnouncedDataset[];
  readonly failed: number;
  readonly ended: number;
  /** Input offset of the same record. */
  readonly offset: Offset;
  readonly linkedAt: TimestampMs | null;
}

/**
 * Whether the first sync of a company is over, and nothing succeeded. The company has no hold and at least one named
 * dataset, every link is sealed or ended, every named dataset is finished, and none is Complete.
 */
export function hasFailed(company: PendingCompany): boolean {
  const { holds, links, unsealed, named, unfinished, succeeded } = company;
  return holds === 0 && links > 0 && unsealed === 0 && named > 0 && unfinished === 0 && succeeded === 0;
}

/**
 * Reports a company that `transition` found failed by `event`, and notes that in its rows. All of its rows must be
 * loaded.
 */
export function reportFailure(rows: CompanyRows, { offset, timestamp, clientId }: InputEvent): SyncFailure {
  const { company, companyId, info } = rows;
  if (company?.outcome !== 'pending' || company.failureReported || info === null)
    throw new Error(`company ${companyId} has no unreported failure`);
  const { linkedAt, failures } = rows.firstSync ?? UNKNOWN_FIRST_SYNC;
  const attempt = failures + 1;
  rows.setFirstSync({ linkedAt, failures: attempt });
  rows.setCompany({ ...company, failureReported: true });
  const datasets = describeNamedDatasets(rows, company, info);
  const failed = datasets.filter(({ status }) => classOf(status) === 'failed').length;
  return {
    companyId,
    clientId,
    companyName: info.companyName,
    failedAt: timestamp,
    attempt,
    // A copy: a later record of the batch may change the list in place.
    connections: [...info.connections],
    datasets,
    failed,
    ended: datasets.length - failed,
    offset,
    linkedAt,
  };
}
