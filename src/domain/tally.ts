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

/** Adds up how a company's counts change when its datasets change. */
export class Tally {
  #early = 0;
  #named = 0;
  #unfinished = 0;
  #succeeded = 0;
  #later = 0;

  constructor(private readonly endedLinks: bigint) {}

  /** A dataset changed from `before` to `after`; null: the dataset does not exist. */
  change(before: DatasetRow | null, after: DatasetRow | null): void {
    this.#count(before, -1);
    this.#count(after, 1);
  }

  /** The same object if no count changes; then the row need not be written. The company must be counted. */
  addedTo(company: PendingCompany): PendingCompany {
    if (!this.#changed) return company;
    return {
      ...company,
      early: company.early + this.#early,
      named: company.named + this.#named,
      unfinished: company.unfinished + this.#unfinished,
      laterFinished: laterFinishedOf(company) + this.#later,
      succeeded: company.succeeded + this.#succeeded,
    };
  }

  get #changed(): boolean {
    return (
      this.#early !== 0 || this.#named !== 0 || this.#unfinished !== 0 || this.#succeeded !== 0 || this.#later !== 0
    );
  }

  #count(dataset: DatasetRow | null, by: 1 | -1): void {
    if (dataset === null) return;
    if (dataset.place === null) {
      this.#early += by;
      return;
    }
    this.#named += by;
    const counted = effectiveClass(dataset, this.endedLinks);
    if (counted === 'in-progress') this.#unfinished += by;
    else if (counted === 'succeeded') this.#succeeded += by;
    else if (isLaterFinished(dataset, this.endedLinks)) this.#later += by;
  }
}

/** @throws if the company was not counted since its row was read: a rule must never use a stored count */
export function laterFinishedOf({ laterFinished }: PendingCompany): number {
  if (laterFinished === null) throw new Error('the counts of a company are used before it was counted again');
  return laterFinished;
}
