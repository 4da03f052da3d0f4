/**
 * Companies that a release with fewer status words has counted.
 *
 * In every release, a stored company row counts by the words of the first vocabulary. So an older release can continue
 * from any row. The dataset rows say whether a company has datasets that only a later word finishes. This file counts
 * those datasets. It also finds a company that an older release left waiting for one of them.
 */
import { measure } from './announcement-size.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent, Offset } from './events.js';
import { byOffset, type DatasetRow, type PendingCompany } from './rows.js';
import { isLaterFinished, laterFinishedOf } from './tally.js';

/** The fields that an announcement takes from the record that completed the company. */
export type Completing = Pick<InputEvent, 'offset' | 'timestamp' | 'clientId'> & {
  /** As `late` of an `Announcement`. */
  readonly late?: true;
};

/**
 * Marks the stored counts as untrusted: an older release may know fewer status words, and does not store the size. The
 * company is then counted again before anything is decided.
 */
export function markCountsUntrusted(rows: CompanyRows): void {
  const { company } = rows;
  if (company?.outcome === 'pending') rows.correctCompany({ ...company, laterFinished: null, announcementBytes: 0 });
}

/**
 * Counts the values that an older release leaves out of the company row: the datasets that only a later word finishes,
 * and the size. All rows of the company must be loaded. Counting twice changes nothing.
 */
export function countAgain(rows: CompanyRows): void {
  const { company } = rows;
  if (company?.outcome !== 'pending') return;
  let laterFinished = 0;
  for (const [, dataset] of rows.datasets()) if (isLaterFinished(dataset, company.endedLinks)) laterFinished++;
  const announcementBytes = measure(rows);
  if (laterFinished === company.laterFinished && announcementBytes === company.announcementBytes) return;
  const stored = company.unfinished + (company.laterFinished ?? 0);
  rows.correctCompany({ ...company, unfinished: stored - laterFinished, laterFinished, announcementBytes });
}

/**
 * The step to take with a company before a record is applied to it, or before a bad record holds it. Null if there is
 * none.
 *
 * `needs-all-rows`: load all rows of the company; loading counts them. `overdue`: announce it with `completingOf`.
 */
export function stepBeforeRecord(rows: CompanyRows): 'needs-all-rows' | 'overdue' | null {
  const { company } = rows;
  if (company?.outcome !== 'pending' || company.laterFinished === 0) return null;
  if (company.laterFinished !== null && !isOverdue(company)) return null;
  return rows.allLoaded ? 'overdue' : 'needs-all-rows';
}

/**
 * Whether the company is complete, but an older release did not announce it because it did not know a status word. This
 * release judges at every record that changes a company, so it never leaves a company overdue. The policy in force does
 * not matter: FIRST_DATASET announces every company that ALL_DATASETS announces.
 */
export function isOverdue(company: PendingCompany): boolean {
  const { holds, succeeded, unsealed, unfinished } = company;
  return laterFinishedOf(company) > 0 && holds === 0 && succeeded > 0 && unsealed === 0 && unfinished === 0;
}

/**
 * The record that completed an overdue company: the last of the records that gave a dataset a later word (`byOffset`).
 * All rows of the company must be loaded. Offset and timestamp come from that record. The client comes from the info row, because
 * no row keeps the client of a status record.
 *
 * @param reached above the offset of every record that was applied
 */
export function completingOf(rows: CompanyRows, reached: Offset): Completing {
  const order = byOffset(reached);
  const company = rows.company as PendingCompany;
  let latest: DatasetRow | null = null;
  for (const [, dataset] of rows.datasets())
    if (isLaterFinished(dataset, company.endedLinks) && (latest === null || order(dataset, latest) > 0))
      latest = dataset;
  if (latest === null || rows.info === null) throw new Error(`company ${rows.companyId} is not overdue`);
  return { offset: latest.offset, timestamp: latest.timestamp, clientId: rows.info.clientId, late: true };
}
