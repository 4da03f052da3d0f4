/** How datasets count for their company, and how the counts follow each change of a dataset. */
import type { DatasetRow, PendingCompany } from './rows.js';
import { classOf, isLaterTerminal, type StatusClass } from './statuses.js';

/**
 * The class in which a named dataset counts. If its own status is not terminal and its link has ended, it counts as
 * ended ("Cancelled"). That is derived at each reading and never stored. So if a link that has not ended names the
 * dataset again, its own status counts again.
 */
export function effectiveClass(dataset: DatasetRow, endedLinks: bigint): StatusClass {
  const ownClass = classOf(dataset.status);
  return ownClass === 'in-progress' && inEndedLink(dataset, endedLinks) ? 'ended' : ownClass;
}

export function inEndedLink(dataset: DatasetRow, endedLinks: bigint): boolean {
  return endedLinks !== 0n && dataset.place !== null && ((endedLinks >> BigInt(dataset.place.link)) & 1n) === 1n;
}

/** Whether a named dataset counts as finished only by a word added after the first vocabulary. */
export function isLaterFinished(dataset: DatasetRow, endedLinks: bigint): boolean {
  return isLaterTerminal(dataset.status) && dataset.place !== null && !inEndedLink(dataset, endedLinks);
}

/**
 * The company row after one of its datasets changed from `before` to `after` (null: the dataset does not exist).
 * Returns the same object if no count changes; then the row need not be written. The company must be counted.
 */
export function countDataset(
  company: PendingCompany,
  before: DatasetRow | null,
  after: DatasetRow | null,
): PendingCompany {
  const early = earlyOf(after) - earlyOf(before);
  const named = namedOf(after) - namedOf(before);
  const is = countedClass(after, company.endedLinks);
  const was = countedClass(before, company.endedLinks);
  const unfinished = (is === 'in-progress' ? 1 : 0) - (was === 'in-progress' ? 1 : 0);
  const succeeded = (is === 'succeeded' ? 1 : 0) - (was === 'succeeded' ? 1 : 0);
  const later = laterOf(after, company.endedLinks) - laterOf(before, company.endedLinks);
  if (early === 0 && named === 0 && unfinished === 0 && succeeded === 0 && later === 0) return company;
  return {
    ...company,
    early: company.early + early,
    named: company.named + named,
    unfinished: company.unfinished + unfinished,
    laterFinished: laterFinishedOf(company) + later,
    succeeded: company.succeeded + succeeded,
  };
}

/** @throws if the company was not counted since its row was read: a rule must never use a stored count */
export function laterFinishedOf({ laterFinished }: PendingCompany): number {
  if (laterFinished === null) throw new Error('the counts of a company are used before it was counted again');
  return laterFinished;
}

function laterOf(dataset: DatasetRow | null, endedLinks: bigint): number {
  return dataset !== null && isLaterFinished(dataset, endedLinks) ? 1 : 0;
}

function earlyOf(dataset: DatasetRow | null): number {
  return dataset !== null && dataset.place === null ? 1 : 0;
}

function namedOf(dataset: DatasetRow | null): number {
  return dataset !== null && dataset.place !== null ? 1 : 0;
}

/** The class in which a dataset is counted; null if no manifest has named it. */
function countedClass(dataset: DatasetRow | null, endedLinks: bigint): StatusClass | null {
  return dataset === null || dataset.place === null ? null : effectiveClass(dataset, endedLinks);
}
