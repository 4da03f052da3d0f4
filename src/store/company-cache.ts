/**
 * The companies in memory, bounded by their rows.
 *
 * Two generations: what is used goes to the young one, and when that has grown to half the budget it becomes the old
 * one and what was old is dropped. So a hit costs a lookup, not a reordering, and what was used lately stays.
 */
import { CompanyRows } from '../domain/company-rows.js';

interface Entry {
  readonly rows: CompanyRows;
  /** `rows.size` as it is counted in `#youngSize`. */
  counted: number;
  /** The batch that asked for it last: its size may have changed since. */
  batch: number;
}

export class CompanyCache {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngSize = 0;
  #oldSize = 0;
  #batch = 0;
  #usedInBatch: Entry[] = [];

  /** @param budget rows that may be held, asked at each `evict`: the process's share for one partition */
  constructor(private readonly budget: () => number) {}

  /** Rows held, as of the last `evict`. */
  get size(): number {
    return this.#youngSize + this.#oldSize;
  }

  /** The company's rows; none of them loaded where it was not in memory. The same object until the next `evict`. */
  get(companyId: string): CompanyRows {
    let entry = this.#young.get(companyId);
    if (entry === undefined) {
      entry = this.#old.get(companyId) ?? { rows: new CompanyRows(companyId), counted: 0, batch: -1 };
      entry.counted = 0;
      this.#young.set(companyId, entry);
    }
    if (entry.batch !== this.#batch) {
      entry.batch = this.#batch;
      this.#usedInBatch.push(entry);
    }
    return entry.rows;
  }

  /**
   * Drops what has not been used lately until the budget is kept. Call it between batches. Companies with changes that
   * are not settled stay, whatever the budget.
   */
  evict(): void {
    for (const entry of this.#usedInBatch) this.#count(entry);
    this.#usedInBatch = [];
    this.#batch++;

    const budget = this.budget();
    if (this.#youngSize > budget / 2 || this.size > budget) this.#turn();
    if (this.size > budget) this.#turn();
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngSize = 0;
    this.#oldSize = 0;
    this.#usedInBatch = [];
  }

  #turn(): void {
    const dropped = this.#old;
    this.#old = this.#young;
    this.#oldSize = this.#youngSize;
    this.#young = new Map();
    this.#youngSize = 0;
    for (const [companyId, entry] of dropped) {
      if (!entry.rows.changed || this.#old.has(companyId)) continue;
      entry.counted = 0;
      this.#young.set(companyId, entry);
      this.#count(entry);
    }
  }

  #count(entry: Entry): void {
    this.#youngSize += entry.rows.size - entry.counted;
    entry.counted = entry.rows.size;
  }
}
