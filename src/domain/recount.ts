/**
 * Companies counted by a release that knew fewer status words.
 *
 * A stored company row counts by the words of the first vocabulary, in every release, so that an older release can go
 * on from any row. Whether a company has datasets that only a later word finishes is known from its dataset rows. This
 * file counts them, and finds a company that an older release left waiting for one of them.
 */
import { measure } from './announcement-size.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent, Offset } from './events.js';
import type { PendingCompany } from './rows.js';
import { isLaterFinished, laterFinishedOf } from './tally.js';

/** What an announcement takes from the record that completed the company. */
export type Completing = Pick<InputEvent, 'offset' | 'timestamp' | 'clientId'> & {
  /** As of an `Announcement`. */
  readonly late?: true;
};

/**
 * Notes that the stored row may have been counted under fewer words, and without its size: the company is counted before
 * anything is decided.
 */
export function mistrustCounts(rows: CompanyRows): void {
  const { company } = rows;
  if (company?.outcome === 'pending') rows.correctCompany({ ...company, laterFinished: null, announcementBytes: 0 });
}

/**
 * Counts what a release that does not know of it leaves out of the company row: the datasets that only a later word
 * finishes, and the size. The company must be whole. Counting twice changes nothing.
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
 * The step that a company needs before a record of it is applied or holds it; null if it needs none.
 *
 * `needs-whole-company`: load all of its rows, which counts it. `overdue`: announce it with `completingOf`.
 */
export function dueFirst(rows: CompanyRows): 'needs-whole-company' | 'overdue' | null {
  const { company } = rows;
  if (company?.outcome !== 'pending' || company.laterFinished === 0) return null;
  if (company.laterFinished !== null && !isOverdue(company)) return null;
  return rows.whole ? 'overdue' : 'needs-whole-company';
}

/**
 * Whether only an unknown word kept the company from being announced. This release judges at every record that changes
 * a company, so that it never leaves a company so: an older release has applied the latest record. It does not matter
 * which policy is in force: a company that ALL_DATASETS announces, FIRST_DATASET announces too.
 */
export function isOverdue(company: PendingCompany): boolean {
  const { holds, succeeded, unsealed, unfinished } = company;
  return laterFinishedOf(company) > 0 && holds === 0 && succeeded > 0 && unsealed === 0 && unfinished === 0;
}

/**
 * The record that an overdue company is announced by: of the records that gave a dataset a later word, the latest. The
 * company must be whole. Offset and timestamp are those of the record. The client is that of the info row, because no
 * row keeps the client of a status record.
 */
export function completingOf(rows: CompanyRows): Completing {
  const company = rows.company as PendingCompany;
  let latest: { readonly offset: Offset; readonly timestamp: number } | null = null;
  for (const [, dataset] of rows.datasets())
    if (isLaterFinished(dataset, company.endedLinks) && (latest === null || dataset.offset > latest.offset))
      latest = dataset;
  if (latest === null || rows.info === null) throw new Error(`company ${rows.companyId} is not overdue`);
  return { offset: latest.offset, timestamp: latest.timestamp, clientId: rows.info.clientId, late: true };
}
