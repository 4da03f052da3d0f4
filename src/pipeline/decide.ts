/** Turns decoded records into decisions: applies the rules to a batch, with the rows that they need. */
import { announce, type Announcement } from '../domain/announcement.js';
import { dueFirst } from '../domain/recount.js';
import { rowsChangedBy } from '../domain/rows-needed.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent } from '../domain/events.js';
import { isLimitCode, type LimitExceeded } from '../domain/limits.js';
import { isDate, type Policy } from '../domain/policy.js';
import type { Stall } from '../domain/stall.js';
import { isKnownStatus } from '../domain/statuses.js';
import { hold, transition, type Ignored } from '../domain/transition.js';
import { isPoison, type Decoded, type Poison } from '../decode/poison.js';
import { REPAIRS_HEADER } from '../decode/sync-event-decoder.js';
import { assertNever } from '../lib/assert-never.js';
import type { LogRecord } from '../lib/record.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { CountedCompanies } from '../store/counted-companies.js';
import type { PartitionStore } from '../store/partition-store.js';
import { loadAllRows, RowLoad } from '../store/row-loading.js';
import { announceOverdue, policyInForce } from './announce-overdue.js';
import type { PipelineContext } from './context.js';
import type { UndatedRecords } from './observer.js';

/** The results of a batch, in addition to the changed rows in the `touched` companies. Each company appears once. */
export interface Decisions {
  readonly touched: readonly CompanyRows[];
  readonly announcements: readonly { readonly announcement: Announcement; readonly completing: LogRecord }[];
  readonly poison: readonly Poison[];
  readonly stalls: readonly Stall[];
  /** The position of the first record that was not processed. */
  readonly end: number;
}

/** Decisions, with figures for the batch report. */
export interface DecidedBatch extends Decisions {
  readonly ignored: Readonly<Record<Ignored['why'], number>>;
  readonly undated: UndatedRecords | null;
  /** Records that completed their company. A record of an earlier batch completed an overdue company. */
  readonly completing: number;
  /** The number of companies of these records, and how many of them were in memory. */
  readonly companies: number;
  readonly cachedCompanies: number;
  /** The approximate number of changed rows. */
  readonly changedRows: number;
  /** The approximate memory of the loaded and changed rows. */
  readonly bytes: number;
}

/** What the decisions of one transaction may load into memory. A single record may load more. */
export interface DecisionLimits {
  /** Rows that change, or that are loaded because an event needs all rows of its company. */
  readonly rows: number;
  /** Bytes of the loaded and changed rows, by the estimate of `CompanyRows.bytes`. */
  readonly bytes: number;
}

/** The result of a part of the log that delivers no records: only the position moves. */
export const NOTHING_DECIDED: Decisions = { touched: [], announcements: [], poison: [], stalls: [], end: 0 };

/** A changed row in memory: its prior, and its encoded forms in the changelog record, the undo and the write batch. */
const CHANGED_ROW_BYTES = 300;
/**
 * The number of records whose rows one read loads. A large number makes the read cheap for each record. A small number
 * wastes less if a limit is reached early.
 */
const LOADED_TOGETHER = 2_500;

interface LocalPartition {
  readonly partition: number;
  readonly store: PartitionStore;
  readonly counted: CountedCompanies;
  readonly cache: CompanyCache;
}

/**
 * Applies the records in order from position `from`, to the end or until a limit is reached. Applies at least one
 * record. Changes only the rows in the cache: if anything throws, the caller must discard the cache.
 *
 * @param decoded one for each of `records`
 * @param limits no record is applied after one of them is reached
 */
export async function decide(
  context: PipelineContext,
  local: LocalPartition,
  records: readonly LogRecord[],
  decoded: readonly Decoded[],
  from: number,
  limits: DecisionLimits,
): Promise<DecidedBatch> {
  const batch = new BatchDecisions(context, local, limits);
  let i = from;
  while (i < decoded.length && (i === from || !batch.full)) {
    const first = i;
    const rowsOf = await batch.loadRows(decoded, first);
    for (; i < first + rowsOf.length && (i === from || !batch.full); i++) {
      const item = decoded[i] as Decoded;
      const record = records[i] as LogRecord;
      const rows = rowsOf[i - first] ?? null;
      if (!isDate(record.timestamp)) batch.noteUndated(item, record);
      // Awaits only in the rare cases that need more rows than were loaded; no promise for each record.
      const more = isPoison(item) ? batch.holdCompany(rows, item) : batch.apply(rows as CompanyRows, item, record);
      if (more !== null) await more;
    }
  }
  batch.end = i;
  return batch;
}

class BatchDecisions implements DecidedBatch {
  readonly touched: CompanyRows[] = [];
  readonly announcements: { announcement: Announcement; completing: LogRecord }[] = [];
  readonly poison: Poison[] = [];
  readonly stalls: readonly Stall[] = [];
  readonly ignored = { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 };
  undated: UndatedRecords | null = null;
  completing = 0;
  companies = 0;
  cachedCompanies = 0;
  end = 0;
  changedRows = 0;
  /** Bytes of the loaded rows, and of the texts in changed rows. */
  #loadedBytes = 0;
  #missing = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly local: LocalPartition,
    private readonly limits: DecisionLimits,
  ) {}

  get bytes(): number {
    return this.#loadedBytes + this.changedRows * CHANGED_ROW_BYTES;
  }

  /** Whether a limit is reached. */
  get full(): boolean {
    return this.changedRows >= this.limits.rows || this.bytes >= this.limits.bytes;
  }

  /**
   * Loads the rows that the records from position `from` on need, until a limit is reached.
   *
   * @returns the rows of each record's company; null for a bad record that holds no company
   */
  async loadRows(decoded: readonly Decoded[], from: number): Promise<(CompanyRows | null)[]> {
    const { cache, counted, store } = this.local;
    const load = new RowLoad(cache, counted);
    const rowsOf: (CompanyRows | null)[] = [];
    const end = Math.min(decoded.length, from + LOADED_TOGETHER);
    for (let i = from; i < end; i++) {
      const item = decoded[i] as Decoded;
      if (!isPoison(item)) rowsOf.push(load.want(item));
      else if (item.heldCompanyId === null) rowsOf.push(load.wantNothing());
      else rowsOf.push(load.wantHold(item.heldCompanyId, this.#holdIdOf(item.record)));
    }
    rowsOf.length = await load.run(store, this.limits.bytes - this.bytes);
    this.#loadedBytes += load.loadedBytes;
    this.#missing += load.missing;
    this.companies = cache.usedInBatch;
    this.cachedCompanies = this.companies - this.#missing;
    return rowsOf;
  }

  /** Sets the record aside and holds its company. Returns a promise only if something must be read first. */
  holdCompany(rows: CompanyRows | null, poison: Poison): Promise<void> | null {
    const first = rows === null ? null : dueFirst(rows);
    if (rows !== null && first === 'needs-all-rows')
      return this.#load(rows).then(() => {
        this.changedRows += rows.size;
        return this.holdCompany(rows, poison) ?? undefined;
      });
    if (rows !== null && first === 'overdue') this.#announceOverdue(rows);
    if (isLimitCode(poison.code) && isFinal(rows)) {
      this.ignored.final++;
      return null;
    }
    this.poison.push(poison);
    if (rows === null) return null;
    const alreadyTouched = rows.changed;
    const { timestamp } = poison.record;
    // The age of the oldest hold is watched. A timestamp that is not a date, or in the future, has no age.
    const heldSince = Math.min(isDate(timestamp) ? timestamp : Infinity, this.context.clock.now());
    hold(rows, this.#holdIdOf(poison.record), poison.code, heldSince);
    if (!alreadyTouched && rows.changed) this.touched.push(rows);
    return null;
  }

  /** Applies one event. Returns a promise only if something must be read first. */
  apply(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> | null {
    const { context } = this;
    const policy = policyInForce(context, event.timestamp, event.clientId);
    const forgottenBefore = forgottenOf(rows);
    const alreadyTouched = rows.changed;
    const bytesBefore = rows.bytes;
    const outcome = transition(rows, event, policy);
    if (outcome.kind === 'needs-all-rows') return this.#applyWithAllRows(rows, event, record);
    if (outcome.kind === 'overdue') {
      this.#announceOverdue(rows);
      return this.apply(rows, event, record);
    }
    if (event.payload.kind === 'status' && !isKnownStatus(event.payload.status))
      context.observer.unknownStatus(event.payload.status, event.companyId);
    switch (outcome.kind) {
      case 'ignored':
        this.ignored[outcome.why]++;
        return null;
      case 'applied':
        if (!alreadyTouched && rows.changed) this.touched.push(rows);
        this.changedRows += rowsChangedBy(event, rows);
        this.#loadedBytes += Math.max(0, rows.bytes - bytesBefore);
        this.#noteForgotten(rows, forgottenBefore);
        return null;
      case 'completed':
        if (!alreadyTouched) this.touched.push(rows);
        if (rows.allLoaded) return this.#announce(rows, event, record, outcome.policy);
        return this.#load(rows).then(() => {
          this.#announce(rows, event, record, outcome.policy);
        });
      case 'beyond-limit':
        return this.#refuse(rows, event, record, outcome);
      default:
        return assertNever(outcome);
    }
  }

  #announce(rows: CompanyRows, event: InputEvent, record: LogRecord, policy: Policy): null {
    this.#noteAllChanged(rows);
    this.completing++;
    this.announcements.push({ announcement: announce(rows, event, policy), completing: record });
    return null;
  }

  /** Counts every row of the company as changed: all are deleted, and the outbound event lists them. */
  #noteAllChanged(rows: CompanyRows): void {
    this.changedRows += rows.size;
    this.#loadedBytes += rows.bytes;
  }

  #announceOverdue(rows: CompanyRows): void {
    if (!rows.changed) this.touched.push(rows);
    this.#noteAllChanged(rows);
    this.announcements.push(announceOverdue(this.context, rows));
  }

  /** Counts all rows of the company as changed, even if they are only read. That limits how many rows a batch loads. */
  async #applyWithAllRows(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> {
    await this.#load(rows);
    const atLeast = this.changedRows + rows.size;
    await this.apply(rows, event, record);
    this.changedRows = Math.max(this.changedRows, atLeast);
  }

  async #load(rows: CompanyRows): Promise<void> {
    const before = rows.bytes;
    await loadAllRows(this.local.store, rows);
    this.#loadedBytes += rows.bytes - before;
  }

  #noteForgotten(rows: CompanyRows, before: number): void {
    const forgotten = forgottenOf(rows) - before;
    if (forgotten > 0) this.context.observer.forgotEarlyDatasets(rows.companyId, forgotten);
  }

  noteUndated(item: Decoded, { offset, timestamp }: LogRecord): void {
    const companyId = isPoison(item) ? item.heldCompanyId : item.companyId;
    this.undated = { count: (this.undated?.count ?? 0) + 1, example: { offset, timestamp, companyId } };
  }

  async #refuse(rows: CompanyRows, event: InputEvent, record: LogRecord, { code, why }: LimitExceeded): Promise<void> {
    const load = new RowLoad(this.local.cache, this.local.counted);
    load.wantHold(event.companyId, this.#holdIdOf(record));
    await load.run(this.local.store);
    await this.holdCompany(rows, {
      record,
      code,
      message:
        `offset ${record.offset}: ${why}; the whole record is set aside and company ${event.companyId} is on hold; ` +
        `send a smaller record to the same topic, with a header ${REPAIRS_HEADER} = ${this.#holdIdOf(record)}`,
      heldCompanyId: event.companyId,
    });
  }

  #holdIdOf(record: LogRecord): string {
    return `${this.local.partition}/${record.offset}`;
  }
}

function isFinal(rows: CompanyRows | null): boolean {
  const company = rows?.company ?? null;
  return company !== null && company.outcome !== 'pending';
}

function forgottenOf(rows: CompanyRows): number {
  const company = rows.company;
  return company?.outcome === 'pending' ? company.forgotten : 0;
}
