/**
 * The companies in memory, bounded by the bytes that their rows take (domain/row-bytes.ts).
 *
 * Which to drop is decided by the clock algorithm (F. J. Corbato, 1968): companies stand in a queue; one that comes to
 * its head and has been used since it was queued goes to the end once more, the others are dropped. So a hit costs a
 * lookup and no reordering, and what has been used lately stays, up to the whole budget.
 */
import { CompanyRows } from '../domain/company-rows.js';

interface Entry {
  readonly rows: CompanyRows;
  /** `rows.bytes` as they are counted in `#bytes`. */
  counted: number;
  /** The batch that asked for it last: its bytes may have changed since. */
  batch: number;
  /** Asked for since it was queued. */
  used: boolean;
}

export class CompanyCache {
  /** In the order of the queue. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #batch = 0;
  #usedInBatch: Entry[] = [];

  /** @param budget bytes that may be held, asked at each `evict`: the process's share for one partition */
  constructor(private readonly budget: () => number) {}

  /** Bytes held, as of the last `evict`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Companies asked for since the last `evict`. */
  get usedInBatch(): number {
    return this.#usedInBatch.length;
  }

  /** The company's rows; none of them loaded where it was not in memory. The same object until the next `evict`. */
  get(companyId: string): CompanyRows {
    let entry = this.#entries.get(companyId);
    if (entry === undefined) {
      entry = { rows: new CompanyRows(companyId), counted: 0, batch: -1, used: false };
      this.#entries.set(companyId, entry);
    }
    if (entry.batch !== this.#batch) {
      // A company that comes once and never again is dropped when it gets to the head of the queue.
      entry.used = entry.batch !== -1;
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
    for (const entry of this.#usedInBatch) {
      this.#bytes += entry.rows.bytes - entry.counted;
      entry.counted = entry.rows.bytes;
    }
    this.#usedInBatch = [];
    this.#batch++;
    this.#keep(this.budget());
  }

  #keep(budget: number): void {
    // Twice around at most: once to find that all are in use, once to drop them anyway.
    let left = 2 * this.#entries.size;
    for (const [companyId, entry] of this.#entries) {
      if (this.#bytes <= budget || left-- === 0) return;
      this.#entries.delete(companyId);
      if (entry.used || entry.rows.changed) {
        entry.used = false;
        this.#entries.set(companyId, entry);
      } else this.#bytes -= entry.counted;
    }
  }
}
