import type { CompanyRows } from '../domain/company-rows.js';
import { MAX_HOLDS_REMOVED } from '../domain/limits.js';
import { removeHolds } from '../domain/transition.js';
import { fillHolds } from '../store/company-loading.js';
import type { PartitionStore } from '../store/partition-store.js';
import { holdPrefix } from '../store/row-keys.js';

/**
 * Removes the holds of companies that have too many for one transaction, before such a company is deleted.
 *
 * A company may have any number of holds, because each bad record with its key is one. A deletion removes every hold
 * row. So the pipeline first removes holds in transactions of their own, which do not move the position beyond the
 * deletion. The company stays on hold until the deletion itself. After a crash, the deletion is read again and finds
 * fewer holds.
 *
 * Belongs to one ownership of a partition.
 */
export class HoldRemoval {
  /** The offset of the deletion, and the key of the last hold that was removed for it. */
  #offset = -1;
  #after: Buffer | null = null;

  /**
   * Removes the next holds in memory. Call it as the only change of a transaction.
   *
   * @param offset of the record that deletes the company
   * @param maxRows how many holds may be removed
   * @returns the number of holds removed
   * @throws what the store or the row codec throws
   */
  async removeNext(store: PartitionStore, rows: CompanyRows, offset: number, maxRows: number): Promise<number> {
    if (this.#offset !== offset) this.#after = null;
    this.#offset = offset;
    const holds = rows.company?.outcome === 'pending' ? rows.company.holds : 0;
    const count = Math.min(maxRows, MAX_HOLDS_REMOVED, holds - MAX_HOLDS_REMOVED);
    // After the last removed key: RocksDB would pass over the deleted keys again for each page.
    const page = await store.page(holdPrefix(rows.companyId), this.#after, count);
    this.#after = page.at(-1)?.key ?? this.#after;
    // Fewer rows than the company row counts: the deletion removes the rows that there are.
    const left = page.length < count ? MAX_HOLDS_REMOVED : holds - count;
    removeHolds(rows, fillHolds(rows, page), left);
    return page.length;
  }
}
