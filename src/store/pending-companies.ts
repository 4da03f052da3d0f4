/** Finds the pending companies of a partition by their pending marks. */
import type { PendingCompany } from '../domain/rows.js';
import { isPendingCompany } from './company-row-codec.js';
import type { CommittedRows } from './committed-rows.js';
import type { KeyChange, Pair } from './key-value-store.js';
import { ALL_MARKED_KEY } from './partition-meta.js';
import type { PartitionStore } from './partition-store.js';
import { decodeCompanyRow } from './row-codec.js';
import { COMPANY_PREFIX, parseRowKey } from './row-keys.js';
import { companyKeyOf, MARK, markOf, PENDING_PREFIX } from './pending-index.js';

/**
 * Pages of the company rows of pending companies, in key order, for a store to which a batch may be written next.
 * Does not read the many finished companies.
 *
 * A folder that an older release created lacks some pending marks. Then all of its company rows are read once. Each
 * page writes the marks that may be missing, and the last page records that all exist.
 */
export class PendingPages {
  #allMarked: boolean | null = null;

  constructor(private readonly store: Pick<PartitionStore, 'read' | 'page' | 'writeLocal'>) {}

  /**
   * @param after the key of the last company row of the previous page; null for the first page
   * @param limit the number of rows to read
   * @returns company rows, which may include finished companies, and whether the page is the last
   * @throws what the store or the row codec throws
   */
  async page(after: Buffer | null, limit: number): Promise<{ readonly rows: Pair[]; readonly last: boolean }> {
    this.#allMarked ??= (await this.store.read([ALL_MARKED_KEY]))[0] != null;
    return this.#allMarked ? this.#ofMarks(after, limit) : this.#ofAll(after, limit);
  }

  async #ofMarks(after: Buffer | null, limit: number): Promise<{ rows: Pair[]; last: boolean }> {
    const marks = await this.store.page(PENDING_PREFIX, after === null ? null : markOf(after), limit);
    const keys = marks.map(({ key }) => companyKeyOf(key));
    const values = await this.store.read(keys);
    const rows = keys.flatMap((key, i) => {
      const value = values[i];
      return value == null ? [] : [{ key, value }];
    });
    return { rows, last: marks.length < limit };
  }

  async #ofAll(after: Buffer | null, limit: number): Promise<{ rows: Pair[]; last: boolean }> {
    const rows = await this.store.page(COMPANY_PREFIX, after, limit);
    const last = rows.length < limit;
    const marks: KeyChange[] = rows.flatMap(({ key, value }) =>
      isPendingCompany(value) ? [{ key: markOf(key), value: MARK }] : [],
    );
    if (last) marks.push({ key: ALL_MARKED_KEY, value: MARK });
    await this.store.writeLocal(marks);
    if (last) this.#allMarked = true;
    return { rows, last };
  }
}

/** Company rows in each read: about a millisecond of work. */
const READ_ROWS = 500;

/**
 * Calls `look` for each pending company, a few at a time. Stops after `limit` companies, or when `enough` returns true.
 *
 * @returns whether it was called for all of them
 */
export async function visitPending(
  rows: Pick<CommittedRows, 'read' | 'pairs'>,
  limit: number,
  look: (companyId: string, company: PendingCompany) => void,
  enough: () => boolean = () => false,
): Promise<boolean> {
  let keys: Buffer[] = [];
  let shown = 0;
  const show = async () => {
    const values = await rows.read(keys);
    for (const [i, value] of values.entries()) {
      const key = parseRowKey(keys[i] as Buffer);
      const company = value == null ? null : decodeCompanyRow(value);
      if (company?.outcome === 'pending' && key.kind === 'company') look(key.companyId, company);
    }
    shown += keys.length;
    keys = [];
  };
  for await (const { key } of rows.pairs(PENDING_PREFIX)) {
    if (shown + keys.length >= limit || (keys.length === 0 && enough())) {
      await show();
      return false;
    }
    if (keys.push(companyKeyOf(key)) === READ_ROWS) await show();
  }
  await show();
  return true;
}
