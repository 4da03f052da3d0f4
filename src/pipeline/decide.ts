/** From decoded records to decisions: the rules applied to a batch, with the rows that they need. */
import { announce, type Announcement } from '../domain/announcement.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent } from '../domain/events.js';
import { policyFor } from '../domain/policy.js';
import { isKnownStatus } from '../domain/statuses.js';
import { hold, transition } from '../domain/transition.js';
import { isPoison, type Decoded, type Poison } from '../decode/poison.js';
import { assertNever } from '../lib/assert-never.js';
import type { LogRecord } from '../lib/record.js';
import type { CompanyCache } from '../store/company-cache.js';
import type { PartitionStore } from '../store/partition-store.js';
import { loadWholeCompany, RowLoad } from '../store/row-loading.js';
import type { PipelineContext } from './context.js';

/** What a batch leads to, besides the changed rows that `touched` companies carry. */
export interface Decisions {
  readonly touched: ReadonlySet<CompanyRows>;
  readonly announcements: readonly { readonly announcement: Announcement; readonly completing: LogRecord }[];
  readonly poison: readonly Poison[];
}

interface PartitionRows {
  readonly partition: number;
  readonly store: PartitionStore;
  readonly cache: CompanyCache;
}

/**
 * Applies the records in order. Changes only the rows in the cache: if anything throws, the cache must be thrown away.
 *
 * @param decoded one for each of `records`
 */
export async function decide(
  context: PipelineContext,
  at: PartitionRows,
  records: readonly LogRecord[],
  decoded: readonly Decoded[],
): Promise<Decisions> {
  const batch = new BatchDecisions(context, at);
  await batch.loadRows(decoded);
  for (let i = 0; i < decoded.length; i++) {
    const item = decoded[i] as Decoded;
    if (isPoison(item)) batch.holdCompany(item);
    else {
      // Awaits only in the rare cases that need more rows than were loaded: no promise per record.
      const more = batch.apply(item, records[i] as LogRecord);
      if (more !== null) await more;
    }
  }
  return batch;
}

class BatchDecisions implements Decisions {
  readonly touched = new Set<CompanyRows>();
  readonly announcements: { announcement: Announcement; completing: LogRecord }[] = [];
  readonly poison: Poison[] = [];

  constructor(
    private readonly context: PipelineContext,
    private readonly at: PartitionRows,
  ) {}

  async loadRows(decoded: readonly Decoded[]): Promise<void> {
    const load = new RowLoad(this.at.cache);
    for (const item of decoded) {
      if (!isPoison(item)) load.want(item);
      else if (item.heldCompanyId !== null) load.wantHold(item.heldCompanyId, this.holdIdOf(item.record));
    }
    await load.run(this.at.store);
  }

  holdCompany(poison: Poison): void {
    this.poison.push(poison);
    if (poison.heldCompanyId === null) return;
    const rows = this.at.cache.get(poison.heldCompanyId);
    hold(rows, this.holdIdOf(poison.record), poison.code, poison.record.timestamp);
    this.touched.add(rows);
  }

  /** Applies one event; a promise only where something must be read first. */
  apply(event: InputEvent, record: LogRecord): Promise<void> | null {
    const { context } = this;
    const rows = this.at.cache.get(event.companyId);
    const policy = policyFor(event.timestamp, context.allDatasetsFrom, context.settings.policyOf(event.clientId));
    const outcome = transition(rows, event, policy);
    if (outcome.kind === 'needs-whole-company') return this.applyToWhole(rows, event, record);
    if (event.payload.kind === 'status' && !isKnownStatus(event.payload.status))
      context.observer.unknownStatus(event.payload.status, event.companyId);
    switch (outcome.kind) {
      case 'ignored':
        return null;
      case 'applied':
        this.touched.add(rows);
        return null;
      case 'completed':
        this.touched.add(rows);
        if (rows.whole) return this.announce(rows, event, record, outcome.policy);
        return loadWholeCompany(this.at.store, rows).then(() => {
          this.announce(rows, event, record, outcome.policy);
        });
      case 'too-many-datasets':
        return this.refuse(event, record);
      default:
        return assertNever(outcome);
    }
  }

  private announce(rows: CompanyRows, event: InputEvent, record: LogRecord, policy: Announcement['policy']): null {
    this.announcements.push({ announcement: announce(rows, event, policy), completing: record });
    return null;
  }

  private async applyToWhole(rows: CompanyRows, event: InputEvent, record: LogRecord): Promise<void> {
    await loadWholeCompany(this.at.store, rows);
    const forgottenBefore = forgottenOf(rows);
    await this.apply(event, record);
    const forgotten = forgottenOf(rows) - forgottenBefore;
    if (forgotten > 0) this.context.observer.forgotEarlyDatasets(event.companyId, forgotten);
  }

  private async refuse(event: InputEvent, record: LogRecord): Promise<void> {
    const load = new RowLoad(this.at.cache);
    load.wantHold(event.companyId, this.holdIdOf(record));
    await load.run(this.at.store);
    this.holdCompany({
      record,
      code: 'too-many-datasets',
      message:
        `company ${event.companyId} would have more than 10000 datasets named by manifests: the whole manifest is ` +
        `set aside and the company held; send a smaller one with a repairs header`,
      heldCompanyId: event.companyId,
    });
  }

  private holdIdOf(record: LogRecord): string {
    return `${this.at.partition}/${record.offset}`;
  }
}

function forgottenOf(rows: CompanyRows): number {
  const company = rows.company;
  return company?.outcome === 'pending' ? company.forgotten : 0;
}
