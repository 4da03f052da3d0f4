/**
 * Finds the companies of one partition that make no progress. A pass visits its pending companies in slices of a
 * limited number of rows, while the input is idle and between batches. So an event costs the same with and without the
 * watch. A pass costs the same whatever the number of finished companies.
 *
 * A backlog never counts as a stall. A pass first reads the clock, then asks for the end of the input. It judges by
 * that time only after the partition has processed the input up to that end.
 *
 * After an upgrade companies may have to be counted again (recount-pass.ts). That comes first: a company that will be
 * announced is not reported as stalled.
 */
import { steadyMs } from '../lib/stopwatch.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { PendingCompany } from '../domain/rows.js';
import { dateProgress, isStalled, isUndated, MAX_LISTED, reportStall, type Stall } from '../domain/stall.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { Pair } from '../store/key-value-store.js';
import { decodeCompanyRow } from '../store/row-codec.js';
import { parseRowKey } from '../store/row-keys.js';
import { loadAllRows, loadHolds } from '../store/company-loading.js';
import { PendingPages } from '../store/pending-companies.js';
import type { BatchLimits } from './batch-limits.js';
import type { PipelineContext } from './context.js';
import { NOTHING_DECIDED } from './decisions.js';
import { BrokerError } from './errors.js';
import { commitPaced, throttledMs } from './paced-commit.js';
import { RecountPass } from './recount-pass.js';
import type { OwnedPartition } from './take-over.js';

/**
 * The most company rows of one slice: less than a millisecond of work, and no more stalls than a batch may have
 * records.
 */
const SLICE_ROWS = 200;
const SLICE_INTERVAL_MS = 100;
/** Rows of stalled companies that one slice loads, unless a single company has more. */
const MAX_LOADED_ROWS = 20_000;
/** The time between two passes is the stall time divided by this, within the bounds below. */
const PASSES_PER_STALL = 60;
const MIN_PASS_INTERVAL_MS = 1_000;
const MAX_PASS_INTERVAL_MS = 60_000;

interface Pass {
  readonly judgedAt: number;
  /** The end of the input, requested after `judgedAt`. */
  readonly inputEnd: number;
  /** The key of the last row that was read. */
  after: Buffer | null;
  pending: number;
  held: number;
  stalled: number;
  failed: number;
}

/** Each take-over of a partition makes a new one. */
export class StalledWatch {
  readonly #passIntervalMs: number;
  readonly #recount: RecountPass;
  readonly #pending: PendingPages;
  #pass: Pass | null = null;
  #dueAt = 0;
  /** The stalls found in this slice; in `#touched`, the companies that it changes. */
  #found: Stall[] = [];
  #touched: CompanyRows[] = [];
  #loadedBytes = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly partition: number,
    private readonly owned: OwnedPartition,
    private readonly cache: CompanyCache,
    private readonly limits: BatchLimits,
  ) {
    this.#recount = new RecountPass(context, partition, owned, cache, limits);
    this.#pending = new PendingPages(owned.store);
    const wanted = context.stalledAfterMs / PASSES_PER_STALL;
    this.#passIntervalMs = Math.min(Math.max(wanted, MIN_PASS_INTERVAL_MS), MAX_PASS_INTERVAL_MS);
  }

  /** Milliseconds until the next slice is due. */
  get restMs(): number {
    return Math.max(0, this.#dueAt - steadyMs(this.context.clock));
  }

  /**
   * Processes one slice if one is due. Publishes the stalls found, with their flags in the company rows, in one
   * transaction. Call it while no transaction is open.
   *
   * @param passed the position in the input: everything below it is committed or contains no records
   * @throws as `commitBatch`, and what the store or the row codec throws
   */
  async look(passed: number): Promise<void> {
    if (this.restMs > 0 || throttledMs(this.owned) > 0) return;
    this.#dueAt = steadyMs(this.context.clock) + SLICE_INTERVAL_MS;
    if (!this.#recount.over) return this.#recount.look(passed);
    this.#pass ??= await this.#begin();
    const pass = this.#pass;
    if (pass === null || passed < pass.inputEnd) return;
    const sliceRows = Math.min(SLICE_ROWS, this.limits.records);
    const { rows, last } = await this.#pending.page(pass.after, sliceRows);
    const allRead = await this.#judge(pass, rows);
    if (allRead && last) this.#end(pass);
    await this.#publish(passed);
  }

  /** Null while the brokers do not give the end of the input. */
  async #begin(): Promise<Pass | null> {
    const { clock, inputLogs, topics } = this.context;
    const judgedAt = clock.now();
    try {
      const { highWatermark, byMost } = await inputLogs.bounds({ topic: topics.input, partition: this.partition });
      // A broker that is cut off may report an old end: a backlog would then look like a stall.
      if (!byMost) return null;
      return { judgedAt, inputEnd: highWatermark, after: null, pending: 0, held: 0, stalled: 0, failed: 0 };
    } catch (error) {
      if (error instanceof BrokerError) return null;
      throw error;
    }
  }

  /** @returns whether all rows of the page were read */
  async #judge(pass: Pass, page: readonly Pair[]): Promise<boolean> {
    let loadedRows = 0;
    const maxBytes = this.context.loadBytes();
    for (const { key, value } of page) {
      if (loadedRows >= MAX_LOADED_ROWS || this.#loadedBytes >= maxBytes) return false;
      pass.after = key;
      const company = decodeCompanyRow(value);
      if (company.outcome !== 'pending') continue;
      pass.pending++;
      if (company.holds > 0) pass.held++;
      if (company.failureReported) pass.failed++;
      if (isUndated(company, pass.judgedAt)) this.#date(key, company, pass.judgedAt);
      if (!company.stalled && !isStalled(company, pass.judgedAt, this.context.stalledAfterMs)) continue;
      pass.stalled++;
      if (!company.stalled) loadedRows += await this.#report(key);
    }
    return true;
  }

  /** If the records of a company have no date, its wait starts with the first pass that finds the company. */
  #date(key: Buffer, company: PendingCompany, now: number): void {
    const rows = this.#rowsOf(key);
    rows.loadCompany(company);
    dateProgress(rows, now);
    if (rows.changed) this.#touched.push(rows);
  }

  #rowsOf(key: Buffer): CompanyRows {
    const parsed = parseRowKey(key);
    if (parsed.kind !== 'company') throw new Error(`a page of company rows has a ${parsed.kind} row`);
    return this.cache.get(parsed.companyId);
  }

  /** @returns the number of rows loaded */
  async #report(key: Buffer): Promise<number> {
    const rows = this.#rowsOf(key);
    await loadAllRows(this.owned.store, rows);
    await loadHolds(this.owned.store, rows, MAX_LISTED);
    this.#found.push(reportStall(rows));
    this.#touched.push(rows);
    this.#loadedBytes += rows.bytes;
    return rows.size;
  }

  async #publish(passed: number): Promise<void> {
    if (this.#touched.length === 0) return;
    const { context, partition } = this;
    const stalls = this.#found;
    const decisions = { ...NOTHING_DECIDED, touched: this.#touched, stalls };
    const size = { records: this.#touched.length, rows: this.#touched.length };
    await commitPaced(context, partition, this.owned, this.limits, { decisions, nextOffset: passed, size });
    this.#touched = [];
    this.#found = [];
    this.#loadedBytes = 0;
    this.cache.evict();
    for (const stall of stalls) context.observer.stalled(partition, stall);
  }

  #end({ pending, held, stalled, failed }: Pass): void {
    this.#pass = null;
    this.#dueAt = steadyMs(this.context.clock) + this.#passIntervalMs;
    this.context.observer.companies(this.partition, { pending, held, stalled, failed });
  }
}
