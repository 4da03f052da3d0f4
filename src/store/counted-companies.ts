/**
 * Which company rows of a partition can be taken as counted under the words that this release knows.
 *
 * The position row says under which vocabulary all of them were counted. If that is an older one, every pending company
 * is counted again when it is loaded, until a pass over the dataset rows (pipeline/recount-pass.ts) has been past it.
 */
import { FIRST_VOCABULARY, VOCABULARY } from '../domain/statuses.js';
import type { PositionRow } from './row-codec.js';
import { datasetPrefix } from './row-keys.js';

export class CountedCompanies {
  #all: boolean;
  /** The key of the last dataset row that the pass has looked at. */
  #passed: Buffer | null = null;

  /** @param position the partition's position row; null if it has no state, and so nothing to count */
  constructor(position: PositionRow | null) {
    this.#all = position === null || position.countedUnder >= VOCABULARY;
  }

  /** The pass is over, or was not needed. */
  get all(): boolean {
    return this.#all;
  }

  get passed(): Buffer | null {
    return this.#passed;
  }

  /** What the position row of the next transaction says. */
  get vocabulary(): number {
    return this.#all ? VOCABULARY : FIRST_VOCABULARY;
  }

  /** Whether the stored row of the company may miss that a later word has finished datasets of it. */
  mayLack(companyId: string): boolean {
    if (this.#all) return false;
    if (this.#passed === null) return true;
    const ofCompany = datasetPrefix(companyId);
    return ofCompany.compare(this.#passed) > 0 || this.#passed.subarray(0, ofCompany.length).equals(ofCompany);
  }

  /** Call it after what was found up to `datasetKey` has been committed. */
  notePassed(datasetKey: Buffer): void {
    this.#passed = datasetKey;
  }

  /** The pass is at the end. The next transaction says so in the position row. */
  noteAll(): void {
    this.#all = true;
    this.#passed = null;
  }
}
