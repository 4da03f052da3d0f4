/** Turns decoded records into decisions: applies the rules to a batch, with the rows that they need. */
import { announce, type Announcement } from '../domain/announcement.js';
import { stepBeforeRecord } from '../domain/recount.js';
import { rowsChangedBy } from '../domain/rows-needed.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent, Offset } from '../domain/events.js';
import { isLimitCode, type LimitExceeded } from '../domain/limits.js';
import { isDate, type Policy } from '../domain/policy.js';
import type { Stall } from '../domain/stall.js';
import { reportFailure } from '../domain/sync-failure.js';
import { isKnownStatus } from '../domain/statuses.js';
import { hold, transition } from '../domain/transition.js';
import { isBadRecord, type BadRecord, type Decoded } from '../decode/bad-record.js';
import { REPAIRS_HEADER } from '../decode/sync-event-decoder.js';
import { assertNever } from '../lib/assert-never.js';
import { foreignText } from '../lib/foreign-text.js';
import type { LogRecord } from '../lib/record.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { CountedCompanies } from '../store/counted-companies.js';
import type { PartitionStore } from '../store/partition-store.js';
import { loadAllRows, loadHolds } from '../store/company-loading.js';
import { RowLoad } from '../store/row-loading.js';
import { announceOverdue, policyInForce } from './announce-overdue.js';
import type { PipelineContext } from './context.js';
import type { DecidedBatch, DecisionLimits, Decisions } from './decisions.js';
import type { HoldRemoval } from './hold-removal.js';

/** A changed row in memory: its prior, and its encoded forms in the changelog record, the undo and the write batch. */
const CHANGED_ROW_BYTES = 300;
/**
 * The number of records whose rows one read loads. A large number makes the read cheap for each record. A small number
 * wastes less if a limit is reached early.
 */
const LOADED_TOGETHER = 2_500;

export interface LocalState {
  readonly partition: number;
  readonly store: PartitionStore;
  readonly counted: CountedCompanies;
  readonly cache: CompanyCache;
  readonly holdRemoval: HoldRemoval;
}

/**
 * Applies the records in order from position `from`, to the end or until a limit is reached. Applies at least one
 * record, or removes holds that must be removed before the first record is applied. Changes only the rows in the cache:
 * if anything throws, the caller must discard the cache.
 *
 * @param decoded one for each of `records`
 * @param limits no record is applied after one of them is reached
 */
export async function decide(
  context: PipelineContext,
  local: LocalState,
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
      const loading = isBadRecord(item)
        ? batch.holdCompany(rows, item)
        : batch.apply(rows as CompanyRows, item, record);
      if (loading !== null) await loading;
      if (batch.stopsHere) break;
    }
    if (batch.stopsHere) break;
  }
  batch.end = i;
  return batch;
}

class BatchDecisions implements DecidedBatch {
  readonly touched: CompanyRows[] = [];
  readonly announcements: { announcement: Announcement; completing: LogRecord }[] = [];
  readonly badRecords: BadRecord[] = [];
  readonly stalls: readonly Stall[] = [];
  readonly failures: Decisions['failures'][number][] = [];
  readonly ignored = { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 };
  undated: DecidedBatch['undated'] = null;
  completing = 0;
  companies = 0;
  cachedCompanies = 0;
  end = 0;
  changedRows = 0;
  /** True if the last record was not applied, because an earlier transaction must first remove holds of its company. */
  stopsHere = false;
  /** Bytes of the loaded rows, and of the texts in changed rows. */
  #loadedBytes = 0;
  #missing = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly local: LocalState,
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
      if (!isBadRecord(item)) rowsOf.push(load.want(item));
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
  holdCompany(rows: CompanyRows | null, badRecord: BadRecord): Promise<void> | null {
    const first = rows === null ? null : stepBeforeRecord(rows);
    if (rows !== null && first === 'needs-all-rows')
      return this.#load(rows).then(() => {
        this.changedRows += rows.size;
        return this.holdCompany(rows, badRecord) ?? undefined;
      });
    if (rows !== null && first === 'overdue') this.#announceOverdue(rows, badRecord.record.offset);
    if (isLimitCode(badRecord.code) && isFinal(rows)) {
      this.ignored.final++;
      return null;
    }
    this.badRecords.push(badRecord);
    if (rows === null) return null;
    const alreadyTouched = rows.changed;
    const { timestamp } = badRecord.record;
    // The age of the oldest hold is watched, and compared with how long the dead letter is kept. Both begin now, however
    // old the record is. The progress of a new company is that of the record. In the future, it would have no age.
    const wallMs = this.context.clock.now();
    const progressAt = Math.min(isDate(timestamp) ? timestamp : Infinity, wallMs);
    hold(rows, this.#holdIdOf(badRecord.record), badRecord.code, { heldSince: wallMs, progressAt });
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
    if (outcome.kind === 'needs-all-rows' || outcome.kind === 'needs-all-holds')
      return this.#applyWithAllRows(rows, event, record, outcome.kind);
    if (outcome.kind === 'has-many-holds') return this.#removeHolds(rows, record);
    if (outcome.kind === 'overdue') {
      this.#announceOverdue(rows, event.offset);
      return this.apply(rows, event, record);
    }
    if (event.payload.kind === 'status' && !isKnownStatus(event.payload.status))
      context.observer.unknownStatus(event.payload.status, event.companyId);
    switch (outcome.kind) {
      case 'ignored':
        this.ignored[outcome.why]++;
        return null;
      case 'applied':
      case 'failed':
        if (!alreadyTouched && rows.changed) this.touched.push(rows);
        this.changedRows += rowsChangedBy(event, rows);
        this.#loadedBytes += Math.max(0, rows.bytes - bytesBefore);
        this.#noteForgotten(rows, forgottenBefore);
        return outcome.kind === 'failed' ? this.#reportFailure(rows, event, record) : null;
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

  /** Only a company that comes into this state loads all of its rows. The event that lists them counts as much. */
  #reportFailure(rows: CompanyRows, event: InputEvent, cause: LogRecord): Promise<void> | null {
    if (!rows.allLoaded) return this.#load(rows).then(() => void this.#reportFailure(rows, event, cause));
    this.#loadedBytes += rows.bytes;
    this.failures.push({ failure: reportFailure(rows, event), cause });
    return null;
  }

  /** Counts every row of the company as changed: all are deleted, and the outbound event lists them. */
  #noteAllChanged(rows: CompanyRows): void {
    this.changedRows += rows.size;
    this.#loadedBytes += rows.bytes;
  }

  #announceOverdue(rows: CompanyRows, reached: Offset): void {
    if (!rows.changed) this.touched.push(rows);
    this.#noteAllChanged(rows);
    this.announcements.push(announceOverdue(this.context, rows, reached));
  }

  /** Counts all rows of the company as changed, even if they are only read. That limits how many rows a batch loads. */
  async #applyWithAllRows(
    rows: CompanyRows,
    event: InputEvent,
    record: LogRecord,
    needs: 'needs-all-rows' | 'needs-all-holds',
  ): Promise<void> {
    await this.#load(rows, needs === 'needs-all-holds');
    const atLeast = this.changedRows + rows.size;
    await this.apply(rows, event, record);
    this.changedRows = Math.max(this.changedRows, atLeast);
  }

  /** Removes holds in a transaction of their own. If this transaction has other changes, the next one removes them. */
  async #removeHolds(rows: CompanyRows, { offset }: LogRecord): Promise<void> {
    this.stopsHere = true;
    if (this.touched.length > 0) return;
    const { store, holdRemoval } = this.local;
    this.changedRows += await holdRemoval.removeNext(store, rows, offset, this.limits.rows);
    this.touched.push(rows);
  }

  async #load(rows: CompanyRows, withHolds = false): Promise<void> {
    const before = rows.bytes;
    await loadAllRows(this.local.store, rows);
    if (withHolds) await loadHolds(this.local.store, rows);
    this.#loadedBytes += rows.bytes - before;
  }

  #noteForgotten(rows: CompanyRows, before: number): void {
    const forgotten = forgottenOf(rows) - before;
    if (forgotten > 0) this.context.observer.forgotEarlyDatasets(rows.companyId, forgotten);
  }

  noteUndated(item: Decoded, { offset, timestamp }: LogRecord): void {
    const companyId = isBadRecord(item) ? item.heldCompanyId : item.companyId;
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
        `offset ${record.offset}: ${why}; the whole record is copied to the dead-letter topic, and company ${foreignText(event.companyId)} is on hold; ` +
        `send a smaller record to the same topic, with a header ${REPAIRS_HEADER} = ${this.#holdIdOf(record)}`,
      heldCompanyId: event.companyId,
    });
  }

  #holdIdOf(record: LogRecord): string {
    return `${this.local.partition}/${record.offset}`;
  }
}

function isFinal(rows: CompanyRows | null): boolean {
  return (rows?.company?.outcome ?? 'pending') !== 'pending';
}

function forgottenOf(rows: CompanyRows): number {
  const company = rows.company;
  return company?.outcome === 'pending' ? company.forgotten : 0;
}
