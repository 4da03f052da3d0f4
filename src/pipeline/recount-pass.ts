/**
 * Counts the companies of one partition again after an upgrade to a release that knows more status words.
 *
 *     position row counted under an older vocabulary -> slices over the dataset rows -> one transaction that notes it
 *
 * If a dataset has a long status word, the pass also measures its company again (`announcement-size.ts`). An older
 * release does not maintain the size, and its company row does not show that.
 *
 * A slice reads a limited number of dataset rows, between batches. If a later word has finished a dataset, the pass
 * loads and counts its company. If the company waited only for that word, the pass announces it. Otherwise it writes
 * the company row with its recount mark (company-row-codec.ts). Until the pass is over, a company that a record belongs
 * to is counted when it is loaded (`CountedCompanies.mayLack`). So either the pass or the next record judges a company
 * first, and both announce the same.
 *
 * After a crash the pass starts again; its earlier announcements and marks are committed. If an older release runs the
 * partition in between, its position row asks for a new pass.
 */
import type { CompanyRows } from '../domain/company-rows.js';
import { stepBeforeRecord } from '../domain/recount.js';
import { isLongStatus } from '../domain/announcement-size.js';
import { isLaterTerminal } from '../domain/statuses.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { Pair } from '../store/key-value-store.js';
import { decodeDatasetRow, hasStatusText } from '../store/row-codec.js';
import { DATASET_PREFIX, parseRowKey } from '../store/row-keys.js';
import { loadAllRows } from '../store/company-loading.js';
import type { BatchLimits } from './batch-limits.js';
import { announceOverdue } from './announce-overdue.js';
import type { PipelineContext } from './context.js';
import { NOTHING_DECIDED, type Decisions } from './decisions.js';
import { commitPaced } from './paced-commit.js';
import type { OwnedPartition } from './take-over.js';

/** Dataset rows of one slice: a tenth of the rows that one read of a batch may load (`store/row-loading.ts`). */
const SLICE_ROWS = 1_000;
/** Rows of companies that one slice loads; fewer while transactions must be small. A single company may have more. */
const MAX_LOADED_ROWS = 20_000;

/** Belongs to one ownership of a partition. */
export class RecountPass {
  #companies = 0;
  #announced = 0;
  /** The results of the present slice. */
  #touched: CompanyRows[] = [];
  #changedRows = 0;
  #loadedBytes = 0;
  #announcements: Decisions['announcements'][number][] = [];

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
    private readonly owned: OwnedPartition,
    private readonly cache: CompanyCache,
    private readonly limits: BatchLimits,
  ) {}

  /** Whether nothing is left to count again. */
  get over(): boolean {
    return this.owned.counted.all;
  }

  /**
   * Processes one slice. Call it while no transaction is open, and not after the pass is over.
   *
   * @param passed the position in the input: everything below it is committed or contains no records
   * @throws as `commitPaced`, and what the store or the row codec throws
   */
  async look(passed: number): Promise<void> {
    const { counted, store } = this.owned;
    const page = await store.page(DATASET_PREFIX, counted.passed, SLICE_ROWS);
    const lookedAt = await this.#count(page, passed);
    const over = lookedAt === page.length && page.length < SLICE_ROWS;
    if (over) counted.noteAll();
    if (over || this.#touched.length > 0) await this.#commit(passed);
    else this.cache.evict();
    const last = page[lookedAt - 1];
    if (!over && last !== undefined) counted.notePassed(last.key);
    if (over) this.#report();
  }

  /** @returns the number of rows of the page that were read: at least one, if there is one */
  async #count(page: readonly Pair[], passed: number): Promise<number> {
    const maxRows = Math.min(MAX_LOADED_ROWS, this.limits.rows);
    const maxBytes = this.context.loadBytes();
    let loadedRows = 0;
    this.#loadedBytes = 0;
    let latest: string | null = null;
    for (const [i, { key, value }] of page.entries()) {
      if (loadedRows >= maxRows || this.#loadedBytes >= maxBytes) return i;
      if (!hasStatusText(value)) continue;
      const { status } = decodeDatasetRow(value);
      if (!isLongStatus(status) && !isLaterTerminal(status)) continue;
      const parsed = parseRowKey(key);
      if (parsed.kind !== 'dataset') throw new Error(`a page of dataset rows has a ${parsed.kind} row`);
      if (parsed.companyId === latest) continue;
      latest = parsed.companyId;
      loadedRows += await this.#countCompany(latest, passed);
    }
    return page.length;
  }

  /** @returns the number of rows loaded */
  async #countCompany(companyId: string, passed: number): Promise<number> {
    const rows = this.cache.get(companyId);
    await loadAllRows(this.owned.store, rows);
    const { company, size } = rows;
    this.#loadedBytes += rows.bytes;
    if (company?.outcome !== 'pending' || (company.laterFinished === 0 && !rows.corrected)) return size;
    if (company.laterFinished !== 0) this.#companies++;
    const isOverdue = stepBeforeRecord(rows) === 'overdue';
    if (isOverdue) this.#announcements.push(announceOverdue(this.context, rows, passed));
    else rows.setCompany({ ...company });
    this.#touched.push(rows);
    this.#changedRows += isOverdue ? size : 1;
    return size;
  }

  async #commit(passed: number): Promise<void> {
    const { context, partition } = this;
    const announcements = this.#announcements;
    const decisions = { ...NOTHING_DECIDED, touched: this.#touched, announcements };
    const size = { records: this.#touched.length, rows: this.#changedRows };
    await commitPaced(context, partition, this.owned, this.limits, { decisions, nextOffset: passed, size });
    this.#touched = [];
    this.#changedRows = 0;
    this.#announcements = [];
    this.#announced += announcements.length;
    this.cache.evict();
    for (const { announcement, completing } of announcements)
      context.observer.announced(partition, announcement, completing);
  }

  #report(): void {
    this.context.observer.recounted(this.partition, { companies: this.#companies, announced: this.#announced });
  }
}
