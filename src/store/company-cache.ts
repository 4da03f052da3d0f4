/**
 * The companies in memory, limited by the bytes that their rows take (domain/row-bytes.ts).
 *
 * The clock algorithm decides which company to drop (F. J. Corbato, 1968). Companies stand in a queue. If the company
 * at the head was used since it was queued, it goes to the end once more. Otherwise it is dropped. So a hit costs one
 * lookup and no reordering, and recently used companies stay, up to the whole budget.
 */
import { CompanyRows } from '../domain/company-rows.js';

interface Entry {
  readonly rows: CompanyRows;
  /** The part of `#bytes` that these rows account for. */
  counted: number;
  /** The last batch that asked for the rows. Their bytes may have changed since. */
  batch: number;
  /** Whether the rows were asked for since they were queued. */
  used: boolean;
}

export class CompanyCache {
  /** In the order of the queue. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #batch = 0;
  #usedInBatch: Entry[] = [];

  /** @param budget the process's share for one partition, in bytes; read at each `evict` */
  constructor(private readonly budget: () => number) {}

  /** Bytes in memory at the last `evict`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of companies asked for since the last `evict`. */
  get usedInBatch(): number {
    return this.#usedInBatch.length;
  }

  /**
   * The company's rows; none are loaded if the company was not in memory. Returns the same object until the next
   * `evict`.
   */
  get(companyId: string): CompanyRows {
    let entry = this.#entries.get(companyId);
    if (entry === undefined) {
      entry = { rows: new CompanyRows(companyId), counted: 0, batch: -1, used: false };
      this.#entries.set(companyId, entry);
    }
    if (entry.batch !== this.#batch) {
      // A company that is asked for only once is dropped when it reaches the head of the queue.
      entry.used = entry.batch !== -1;
      entry.batch = this.#batch;
      this.#usedInBatch.push(entry);
    }
    return entry.rows;
  }

  /**
   * Drops companies that were not used recently, until the budget is met. Call it between batches. Companies with
   * unsettled changes stay, whatever the budget.
   */
  evict(): void {
    for (const entry of this.#usedInBatch) {
      const { bytes } = entry.rows;
      this.#bytes += bytes - entry.counted;
      entry.counted = bytes;
    }
    this.#usedInBatch = [];
    this.#batch++;
    this.#keep(this.budget());
  }

  #keep(budget: number): void {
    // Goes through the queue at most twice: the first round may find all companies in use, and the second drops them
    // anyway.
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
