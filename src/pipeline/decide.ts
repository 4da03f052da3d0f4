/** From decoded records to decisions: the rules applied to a batch, with the rows that they need. */
import { announce, type Announcement } from '../domain/announcement.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent } from '../domain/events.js';
import { policyFor, type Policy } from '../domain/policy.js';
import type { Stall } from '../domain/stall.js';
import { isKnownStatus } from '../domain/statuses.js';
import { hold, transition, type Ignored } from '../domain/transition.js';
import { isPoison, type Decoded, type Poison } from '../decode/poison.js';
import { assertNever } from '../lib/assert-never.js';
import type { LogRecord } from '../lib/record.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { PartitionStore } from '../store/partition-store.js';
import { loadWholeCompany, RowLoad } from '../store/row-loading.js';
import type { PipelineContext } from './context.js';

/** What a batch leads to, besides the changed rows that `touched` companies carry, each of which is there once. */
export interface Decisions {
  readonly touched: readonly CompanyRows[];
  readonly announcements: readonly { readonly announcement: Announcement; readonly completing: LogRecord }[];
  readonly poison: readonly Poison[];
  readonly stalls: readonly Stall[];
}

/** What a stretch of the log leads to that delivers no records: only the position moves. */
export const NOTHING_DECIDED: Decisions = { touched: [], announcements: [], poison: [], stalls: [] };

/**
 * Rows that one transaction may change. Records are small and what they lead to need not be: each deletion, unlinking
 * or announcement may rewrite every row of its company.
 */
const MAX_CHANGED_ROWS = 50_000;
const COMPANY_AND_INFO_ROW = 2;

interface PartitionRows {
  readonly partition: number;
  readonly store: PartitionStore;
  readonly cache: CompanyCache;
}

/** The decisions of one batch, and what it took to come to them, as its records come in. */
export class BatchDecisions implements Decisions {
  readonly touched: CompanyRows[] = [];
  readonly announcements: { announcement: Announcement; completing: LogRecord }[] = [];
  readonly poison: Poison[] = [];
  readonly stalls: readonly Stall[] = [];
  readonly ignored: Record<Ignored['why'], number> = { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 };
  /** Records decided. */
  records = 0;
  /** Companies that were not in memory. */
  missingCompanies = 0;
  /** At most so many rows have changed. */
  #changedRows = 0;

  constructor(
    private readonly context: PipelineContext,
    private readonly at: PartitionRows,
  ) {}

  /**
   * Applies records in order, to the end or until enough rows have changed for one transaction. Changes only the rows
   * in the cache: if anything throws, the cache must be thrown away.
   *
   * @param decoded one for each of `records`
   * @returns how many of the records were decided
   */
  async decide(records: readonly LogRecord[], decoded: readonly Decoded[]): Promise<number> {
    const rowsOf = await this.#loadRows(decoded);
    let i = 0;
    for (; i < decoded.length && this.#changedRows < MAX_CHANGED_ROWS; i++) {
      const item = decoded[i] as Decoded;
      const rows = rowsOf[i] ?? null;
      if (isPoison(item)) this.#holdCompany(rows, item);
      else {
        // Awaits only in the rare cases that need more rows than were loaded: no promise per record.
        const more = this.#apply(rows as CompanyRows, item, records[i] as LogRecord);
        if (more !== null) await more;
      }
    }
    this.records += i;
    return i;
  }

  /** The rows of each record's company; null where a poison record holds none. */
  async #loadRows(decoded: readonly Decoded[]): Promise<(CompanyRows | null)[]> {
    const load = new RowLoad(this.at.cache);
    const rowsOf: (CompanyRows | null)[] = [];
    for (const item of decoded) {
      if (!isPoison(item)) rowsOf.push(load.want(item));
      else if (item.heldCompanyId === null) rowsOf.push(null);
      else rowsOf.push(load.wantHold(item.heldCompanyId, this.#holdIdOf(item.record)));
    }
    this.missingCompanies += load.missing;
    await load.run(this.at.store);
    return rowsOf;
  }

  #holdCompany(rows: CompanyRows | null, poison: Poison): void {
    this.poison.push(poison);
    if (rows === null) return;
    const alreadyTouched = rows.changed;
    hold(rows, this.#holdIdOf(poison.record), poison.code, poison.record.timestamp);
    if (!alreadyTouched && rows.changed) this.touched.push(rows);
  }

  /** Applies one event; a promise only where something must be read first. */
  #apply(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> | null {
    const { context } = this;
    const policy = this.#policyFor(event);
    const forgottenBefore = forgottenOf(rows);
    const alreadyTouched = rows.changed;
    const outcome = transition(rows, event, policy);
    if (outcome.kind === 'needs-whole-company') return this.#applyToWhole(rows, event, record);
    if (event.payload.kind === 'status' && !isKnownStatus(event.payload.status))
      context.observer.unknownStatus(event.payload.status, event.companyId);
    switch (outcome.kind) {
      case 'ignored':
        this.ignored[outcome.why]++;
        return null;
      case 'applied':
        if (!alreadyTouched && rows.changed) this.touched.push(rows);
        this.#changedRows += rowsChangedBy(event, rows);
        this.#noteForgotten(rows, forgottenBefore);
        return null;
      case 'completed':
        if (!alreadyTouched) this.touched.push(rows);
        if (rows.whole) return this.#announce(rows, event, record, outcome.policy);
        return loadWholeCompany(this.at.store, rows).then(() => {
          this.#announce(rows, event, record, outcome.policy);
        });
      case 'too-many-datasets':
        return this.#refuse(rows, event, record);
      default:
        return assertNever(outcome);
    }
  }

  #policyFor({ timestamp, clientId }: InputEvent): Policy {
    const { allDatasetsFrom, settings } = this.context;
    // Where the client's choice no longer counts, it need not be looked up for each record.
    const choice = timestamp >= allDatasetsFrom ? undefined : settings.policyOf(clientId);
    return policyFor(timestamp, allDatasetsFrom, choice);
  }

  #announce(rows: CompanyRows, event: InputEvent, record: LogRecord, policy: Policy): null {
    this.#changedRows += rows.size;
    this.announcements.push({ announcement: announce(rows, event, policy), completing: record });
    return null;
  }

  async #applyToWhole(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> {
    await loadWholeCompany(this.at.store, rows);
    await this.#apply(rows, event, record);
  }

  #noteForgotten(rows: CompanyRows, before: number): void {
    const forgotten = forgottenOf(rows) - before;
    if (forgotten > 0) this.context.observer.forgotEarlyDatasets(rows.companyId, forgotten);
  }

  async #refuse(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> {
    const load = new RowLoad(this.at.cache);
    load.wantHold(event.companyId, this.#holdIdOf(record));
    await load.run(this.at.store);
    this.#holdCompany(rows, {
      record,
      code: 'too-many-datasets',
      message:
        `company ${event.companyId} would have more than 10000 datasets named by manifests: the whole manifest is ` +
        `set aside and the company held; send a smaller one with a repairs header`,
      heldCompanyId: event.companyId,
    });
  }

  #holdIdOf(record: LogRecord): string {
    return `${this.at.partition}/${record.offset}`;
  }
}

/** An upper bound. */
function rowsChangedBy({ payload }: InputEvent, rows: CompanyRows): number {
  switch (payload.kind) {
    case 'deleted':
    case 'announced-elsewhere':
      return rows.size;
    case 'manifest':
      return payload.datasets.length + COMPANY_AND_INFO_ROW;
    case 'status':
    case 'unlinked':
      return COMPANY_AND_INFO_ROW;
  }
}

function forgottenOf(rows: CompanyRows): number {
  const company = rows.company;
  return company?.outcome === 'pending' ? company.forgotten : 0;
}
