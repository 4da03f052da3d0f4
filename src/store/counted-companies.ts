/**
 * Which company rows of a partition were counted under the words that this release knows.
 *
 * The position row names the vocabulary under which all of them were counted. If it is an older one, every pending
 * company is counted again when it is loaded. That continues until the pass over the dataset rows
 * (pipeline/recount-pass.ts) has counted the company.
 */
import { FIRST_VOCABULARY, VOCABULARY } from '../domain/statuses.js';
import type { PositionRow } from './row-codec.js';
import { datasetPrefix } from './row-keys.js';

export class CountedCompanies {
  #all: boolean;
  /** The key of the last dataset row that the pass has read. */
  #passed: Buffer | null = null;

  /** @param position the partition's position row; null if it has no state, so there is nothing to count */
  constructor(position: PositionRow | null) {
    this.#all = position === null || position.countedUnder >= VOCABULARY;
  }

  /** Whether the pass has finished or was not needed. */
  get all(): boolean {
    return this.#all;
  }

  get passed(): Buffer | null {
    return this.#passed;
  }

  /** The vocabulary for the position row of the next transaction. */
  get vocabulary(): number {
    return this.#all ? VOCABULARY : FIRST_VOCABULARY;
  }

  /** Whether the company's stored row may not know that a later word has finished some of its datasets. */
  mayLack(companyId: string): boolean {
    if (this.#all) return false;
    if (this.#passed === null) return true;
    const ofCompany = datasetPrefix(companyId);
    return ofCompany.compare(this.#passed) > 0 || this.#passed.subarray(0, ofCompany.length).equals(ofCompany);
  }

  /** Call it after the results of the pass up to `datasetKey` have been committed. */
  notePassed(datasetKey: Buffer): void {
    this.#passed = datasetKey;
  }

  /** Call it when the pass has reached the end. The next transaction notes that in the position row. */
  noteAll(): void {
    this.#all = true;
    this.#passed = null;
  }
}
