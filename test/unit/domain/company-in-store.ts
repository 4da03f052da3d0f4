/**
 * Applies the rules to stored rows as the pipeline does, with a Map as the store. It loads only the rows that a batch
 * of records names, or all rows if the rules ask for them, and writes the changes at the end of the batch. If the rules
 * break a promise to the pipeline, it throws.
 */
import { isDeepStrictEqual } from 'node:util';
import { announce, type Announcement } from '../../../src/domain/announcement.js';
import { CompanyRows, type ChangeVisitor } from '../../../src/domain/company-rows.js';
import type { DeadLetterCode, InputEvent } from '../../../src/domain/events.js';
import { policyFor, type Policy } from '../../../src/domain/policy.js';
import type { CompanyRow, DatasetRow, FirstSyncRow, HoldRow, InfoRow } from '../../../src/domain/rows.js';
import {
  completingOf,
  type Completing,
  countAgain,
  stepBeforeRecord,
  markCountsUntrusted,
} from '../../../src/domain/recount.js';
import { visitRowsNeeded } from '../../../src/domain/rows-needed.js';
import { reportFailure, type SyncFailure } from '../../../src/domain/sync-failure.js';
import { hold, transition, type Outcome } from '../../../src/domain/transition.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { decodeCompanyRow, writeCompanyRow } from '../../../src/store/row-codec.js';
import {
  eventIdOf,
  type EventRecord,
  type HistoryContext,
  type HistoryRecord,
  failureIdOf,
  type ReferenceAnnouncement,
  type ReferenceFailure,
  type TriggerPolicy,
} from '../../../testkit/reference-model.js';
import { domainPayload } from '../../support/payloads.js';

/** The stored rows of one company by their key: a crash leaves these. The values are frozen. */
export interface StoredRows {
  readonly company: Map<'', CompanyRow>;
  readonly info: Map<'', InfoRow>;
  readonly firstSync: Map<'', FirstSyncRow>;
  readonly datasets: Map<string, DatasetRow>;
  readonly holds: Map<string, HoldRow>;
}

export class CompanyInStore {
  readonly stored: StoredRows = {
    company: new Map(),
    info: new Map(),
    firstSync: new Map(),
    datasets: new Map(),
    holds: new Map(),
  };
  readonly failures: ReferenceFailure[] = [];
  readonly announcements: ReferenceAnnouncement[] = [];
  readonly tooManyDatasets: number[] = [];
  readonly tooLarge: number[] = [];
  #rows: CompanyRows;
  #settledAnnouncements = 0;
  #settledFailures = 0;
  /** The release that applies the records. An old one knows neither later words nor failures. */
  #release: 'old' | 'new' = 'new';
  /** The client's setting of each record, by its offset. */
  readonly #clientSettings = new Map<number, TriggerPolicy | null>();
  /** True if the stored row may have been counted by a release that knew fewer words. */
  #mustCount = false;
  #settledTooMany = 0;
  #settledTooLarge = 0;

  constructor(readonly context: HistoryContext) {
    this.#rows = new CompanyRows(context.companyId);
  }

  /** The company row as it is in memory. */
  get company(): CompanyRow | null {
    return this.#rows.company;
  }

  /** All stored rows, as a reader outside the batches finds them. */
  storedRows(): CompanyRows {
    const rows = new CompanyRows(this.context.companyId);
    rows.loadCompany(this.stored.company.get('') ?? null);
    rows.loadInfo(this.stored.info.get('') ?? null);
    rows.loadFirstSync(this.stored.firstSync.get('') ?? null);
    for (const [id, row] of this.stored.datasets) rows.loadDataset(id, row);
    for (const [id, row] of this.stored.holds) rows.loadHold(id, row);
    rows.allLoaded = true;
    countAgain(rows);
    return rows;
  }

  /**
   * Hands the rows to a release that knows no later words, or takes them over from such a release. For that release
   * `LATER` is an unknown word: `asOldReleaseReads` makes its records.
   */
  changeRelease(to: 'old' | 'new'): void {
    this.evict();
    const [from, into] = to === 'old' ? [LATER, UNKNOWN] : [UNKNOWN, LATER];
    for (const [id, row] of this.stored.datasets)
      if (row.status === from) put(this.stored.datasets, id, { ...row, status: into });
    const company = this.stored.company.get('');
    if (company?.outcome === 'pending')
      put(this.stored.company, '', { ...company, laterFinished: 0, announcementBytes: 0 });
    this.#mustCount = to === 'new';
    this.#release = to;
  }

  /** Counts the company as the pass after an upgrade does. */
  recount(): void {
    this.#loadCompany();
    if (this.company?.outcome === 'pending') {
      this.#loadAllRows();
      if (stepBeforeRecord(this.#rows) === 'overdue') this.#announceOverdue(Infinity);
      else this.#rows.setCompany({ ...this.company });
      this.settle();
    }
    this.#mustCount = false;
  }

  /** Applies a batch of records; `settle` writes it. */
  apply(...records: readonly HistoryRecord[]): void {
    this.#loadCompany();
    for (const record of records)
      if (record.kind === 'event') this.#clientSettings.set(record.offset, record.clientSetting);
    for (const record of records) if (record.kind === 'event') this.#loadRowsNeeded(eventOf(record, this.context));
    for (const record of records) this.#applyOne(record);
  }

  /** Ends the batch: writes its changes, after proving that their priors would lead back. */
  settle(): void {
    const before = copyOf(this.stored);
    this.#rows.visitChanges(this.#writerTo(this.stored, (_prior, now) => now));
    const undone = copyOf(this.stored);
    this.#rows.visitChanges(this.#writerTo(undone, (prior) => prior));
    if (this.#release === 'new' && !isDeepStrictEqual(undone, before))
      throw new Error('the priors of a batch do not lead back to the rows before');
    this.#rows.settle();
    if (this.#rows.changed) throw new Error('changes are left after they were settled');
    this.#settledAnnouncements = this.announcements.length;
    this.#settledFailures = this.failures.length;
    this.#settledTooMany = this.tooManyDatasets.length;
    this.#settledTooLarge = this.tooLarge.length;
  }

  /** Drops the rows in memory, as a cache may after `settle`. */
  evict(): void {
    this.#rows = new CompanyRows(this.context.companyId);
  }

  /** Discards everything since the last `settle`. */
  crash(): void {
    this.evict();
    this.announcements.length = this.#settledAnnouncements;
    this.failures.length = this.#settledFailures;
    this.tooManyDatasets.length = this.#settledTooMany;
    this.tooLarge.length = this.#settledTooLarge;
  }

  #loadCompany(): void {
    if (this.#rows.hasCompany()) return;
    this.#rows.loadCompany(this.stored.company.get('') ?? null);
    if (this.#mustCount) markCountsUntrusted(this.#rows);
  }

  #loadRowsNeeded(event: InputEvent): void {
    const rows = this.#rows;
    const { info, firstSync, datasets, holds } = this.stored;
    visitRowsNeeded(event, {
      info: () => rows.hasInfo() || rows.loadInfo(info.get('') ?? null),
      firstSync: () => rows.hasFirstSync() || rows.loadFirstSync(firstSync.get('') ?? null),
      dataset: (id) => rows.hasDataset(id) || rows.loadDataset(id, datasets.get(id) ?? null),
      hold: (id) => rows.hasHold(id) || rows.loadHold(id, holds.get(id) ?? null),
    });
  }

  #loadAllRows(): void {
    const { info, firstSync, datasets, holds } = this.stored;
    this.#rows.loadInfo(info.get('') ?? null);
    this.#rows.loadFirstSync(firstSync.get('') ?? null);
    for (const [id, row] of datasets) this.#rows.loadDataset(id, row);
    for (const [id, row] of holds) this.#rows.loadHold(id, row);
    this.#rows.allLoaded = true;
    countAgain(this.#rows);
  }

  #announceOverdue(reached: number): void {
    const completing = completingOf(this.#rows, reached);
    const { allDatasetsFrom } = this.context;
    const setting = this.#clientSettings.get(completing.offset) ?? undefined;
    const policy = policyFor(completing.timestamp, allDatasetsFrom, setting);
    this.#announce(completing, policy);
  }

  /** An old release writes no first-sync row, so what it has put in memory never gets into an announcement. */
  #announce(completing: Completing, policy: Policy): void {
    const announcement = published(announce(this.#rows, completing, policy), this.context);
    const linkedAt = this.stored.firstSync.get('')?.linkedAt ?? null;
    this.announcements.push(this.#release === 'old' ? { ...announcement, linkedAt } : announcement);
  }

  #applyOne(record: HistoryRecord): void {
    if (record.kind === 'bad-record') {
      this.#hold(record, record.code);
      return;
    }
    const event = eventOf(record, this.context);
    const policy = policyFor(record.timestamp, this.context.allDatasetsFrom, record.clientSetting ?? undefined);
    let outcome = this.#transition(event, policy);
    if (outcome.kind === 'needs-all-rows' || outcome.kind === 'needs-all-holds') {
      this.#loadAllRows();
      outcome = this.#transition(event, policy);
    }
    if (outcome.kind === 'overdue') {
      this.#announceOverdue(record.offset);
      outcome = this.#transition(event, policy);
    }
    switch (outcome.kind) {
      case 'needs-all-rows':
      case 'needs-all-holds':
      case 'has-many-holds':
      case 'overdue':
        throw new Error('what the rules asked for was done and they ask for it again');
      case 'beyond-limit':
        (outcome.code === 'too-large' ? this.tooLarge : this.tooManyDatasets).push(record.offset);
        this.#hold(record, outcome.code);
        return;
      case 'completed':
        this.#loadAllRows();
        this.#announce(event, outcome.policy);
        return;
      case 'failed':
        if (this.#release === 'old') return;
        this.#loadAllRows();
        this.failures.push(reported(reportFailure(this.#rows, event), this.context));
        return;
      case 'applied':
      case 'ignored':
        return;
    }
  }

  /** Applies one transition. If the outcome promises that nothing has changed, checks that. */
  #transition(event: InputEvent, policy: Policy): Outcome {
    const before = changesOf(this.#rows);
    const outcome = transition(this.#rows, event, policy);
    const mayChange = outcome.kind === 'applied' || outcome.kind === 'completed' || outcome.kind === 'failed';
    if (!mayChange && !isDeepStrictEqual(changesOf(this.#rows), before))
      throw new Error(`rows changed although the outcome was ${outcome.kind}`);
    return outcome;
  }

  /** An old release writes company rows without the mark of a failure, and leaves first-sync rows as they are. */
  #writerTo(rows: StoredRows, pick: <T>(prior: T, now: T) => T): ChangeVisitor {
    const isOld = this.#release === 'old';
    return {
      company: (_companyId, prior, now) => put(rows.company, '', asStored(pick(prior, now), isOld)),
      info: (_companyId, prior, now) => put(rows.info, '', pick(prior, now)),
      firstSync: (_companyId, prior, now) => isOld || put(rows.firstSync, '', pick(prior, now)),
      dataset: (_companyId, id, prior, now) => put(rows.datasets, id, pick(prior, now)),
      hold: (_companyId, id, prior, now) => put(rows.holds, id, pick(prior, now)),
    };
  }

  #hold(record: HistoryRecord, code: DeadLetterCode): void {
    const holdId = `${this.context.partition}/${record.offset}`;
    if (stepBeforeRecord(this.#rows) === 'needs-all-rows') this.#loadAllRows();
    if (stepBeforeRecord(this.#rows) === 'overdue') this.#announceOverdue(record.offset);
    this.#rows.loadHold(holdId, this.stored.holds.get(holdId) ?? null);
    const held = hold(this.#rows, holdId, code, { heldSince: record.timestamp });
    if (held !== (this.company?.outcome === 'pending'))
      throw new Error(`held: ${held}, which is not what the company is`);
  }
}

function changesOf(rows: CompanyRows): unknown[] {
  const changes: unknown[] = [];
  const note = (...change: unknown[]) => changes.push(change);
  rows.visitChanges({ company: note, info: note, firstSync: note, dataset: note, hold: note });
  return changes;
}

function put<K, V extends object>(rows: Map<K, V>, key: K, row: V | null): void {
  if (row === null) rows.delete(key);
  else rows.set(key, deepFrozen(row));
}

/** A company row as a store returns it: with a mark in place of the count of later words. */
function asStored(row: CompanyRow | null, isOld: boolean): CompanyRow | null {
  if (row === null) return null;
  const to = new ByteWriter();
  to.begin();
  writeCompanyRow(to, isOld && row.outcome === 'pending' ? { ...row, failureReported: false } : row);
  return decodeCompanyRow(to.end());
}

const LATER = 'RoutingError';
/** The word that stands for `LATER` in a release that does not know it. */
const UNKNOWN = 'RoutingError, which is not known';

/** The record with the words that an old release knows. */
export function asOldReleaseReads(record: HistoryRecord): HistoryRecord {
  if (record.kind !== 'event' || record.payload.type !== 'DatasetStatusChanged') return record;
  if (record.payload.status !== LATER) return record;
  return { ...record, payload: { ...record.payload, status: UNKNOWN } };
}

/** Rows are immutable values: one that a rule changes in place makes it throw. */
function deepFrozen<T extends object>(row: T): T {
  for (const value of Object.values(row)) if (typeof value === 'object' && value !== null) deepFrozen(value as object);
  return Object.freeze(row);
}

function copyOf(rows: StoredRows): StoredRows {
  return {
    company: new Map(rows.company),
    info: new Map(rows.info),
    firstSync: new Map(rows.firstSync),
    datasets: new Map(rows.datasets),
    holds: new Map(rows.holds),
  };
}

function eventOf({ offset, timestamp, clientId, repairs, payload }: EventRecord, context: HistoryContext): InputEvent {
  return { companyId: context.companyId, clientId, offset, timestamp, repairs, payload: domainPayload(payload) };
}

/** The announcement in the words of the reference model; its lists sorted, with repetitions if it has any. */
function published(announcement: Announcement, context: HistoryContext): ReferenceAnnouncement {
  const { companyId, clientId, companyName, synchronizedAt, policy, succeeded, failed, ended, offset } = announcement;
  return {
    eventId: eventIdOf(companyId, context.eventNamespace),
    companyId,
    clientId,
    companyName,
    synchronizedAt,
    trigger: policy,
    connections: announcement.connections.toSorted((a, b) => (a.connectionId < b.connectionId ? -1 : 1)),
    datasets: announcement.datasets
      .map((dataset) => (dataset.status === UNKNOWN ? { ...dataset, status: LATER } : dataset))
      .toSorted((a, b) => (a.datasetId < b.datasetId ? -1 : 1)),
    succeeded,
    failed,
    ended,
    source: { topic: context.topic, partition: context.partition, offset },
    linkedAt: announcement.linkedAt,
  };
}

/** The same for a failure. */
function reported({ offset, ...failure }: SyncFailure, context: HistoryContext): ReferenceFailure {
  const { companyId, attempt } = failure;
  return {
    ...failure,
    eventId: failureIdOf(companyId, attempt, context.eventNamespace),
    connections: failure.connections.toSorted((a, b) => (a.connectionId < b.connectionId ? -1 : 1)),
    datasets: failure.datasets.toSorted((a, b) => (a.datasetId < b.datasetId ? -1 : 1)),
    source: { topic: context.topic, partition: context.partition, offset },
  };
}
