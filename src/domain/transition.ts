/**
 * The rules: what one input event does to the rows of its company. Pure: no I/O, no clock, no randomness, no input
 * except the arguments. The rows are changed in memory only. If an event needs more rows than `rows-needed.ts` names,
 * the outcome is `needs-all-rows`, and nothing has been changed.
 */
import { assertNever } from '../lib/assert-never.js';
import { exceedsAnnouncement, growthByStatus, isMeasured } from './announcement-size.js';
import { forgetEarlyDatasets, type LimitExceeded, MAX_EARLY_DATASETS, MAX_HOLDS_REMOVED } from './limits.js';
import type { CompanyRows } from './company-rows.js';
import type { DatasetStatusChanged, DeadLetterCode, InputEvent, TimestampMs } from './events.js';
import { applyManifest, exceededBy } from './manifest.js';
import type { Policy } from './policy.js';
import { stepBeforeRecord } from './recount.js';
import { NEW_COMPANY, withProgress } from './pending-company.js';
import type { DatasetRow, PendingCompany } from './rows.js';
import { hasFailed } from './sync-failure.js';
import { Tally } from './tally.js';
import { endLinks, linksToEnd } from './unlinking.js';

/** Nothing changed, and nothing can be announced. */
export interface Ignored {
  readonly kind: 'ignored';
  readonly why: 'final' | 'refresh' | 'stale' | 'nothing-to-do';
}

export type Outcome =
  | Ignored
  /** Rows may have changed; this event does not announce the company. */
  | { readonly kind: 'applied' }
  /** The event completed the company: call `announce` (announcement.ts) before any other event of the company. */
  | { readonly kind: 'completed'; readonly policy: Policy }
  /**
   * The first sync is over without a Complete dataset, and was not before the event: call `reportFailure`
   * (sync-failure.ts) before any other event of the company.
   */
  | { readonly kind: 'failed' }
  /** Nothing was changed yet: load all rows of the company and apply the event again. */
  | { readonly kind: 'needs-all-rows' }
  /** Nothing was changed yet: load all rows and all holds of the company and apply the event again. */
  | { readonly kind: 'needs-all-holds' }
  /**
   * Nothing was changed yet: remove holds of the company until MAX_HOLDS_REMOVED are left, then apply the event again.
   */
  | { readonly kind: 'has-many-holds' }
  /** Nothing was changed yet: call `announce` with `completingOf` (recount.ts), and apply the event again. */
  | { readonly kind: 'overdue' }
  /** Nothing was changed: the record is bad, and its company must be held. */
  | ({ readonly kind: 'beyond-limit' } & LimitExceeded);

const APPLIED: Outcome = { kind: 'applied' };
const NEEDS_ALL_HOLDS: Outcome = { kind: 'needs-all-holds' };
const HAS_MANY_HOLDS: Outcome = { kind: 'has-many-holds' };
const NEEDS_ALL_ROWS: Outcome = { kind: 'needs-all-rows' };

/**
 * Applies one event to its company.
 *
 * @param policy the policy in force for this record (policy.ts)
 */
export function transition(rows: CompanyRows, event: InputEvent, policy: Policy): Outcome {
  const company = rows.company;
  if (company !== null && company.outcome !== 'pending') return { kind: 'ignored', why: 'final' };
  const { payload } = event;
  // The customer was notified elsewhere: to announce an overdue company here would notify the customer twice.
  const stepBefore = payload.kind === 'announced-elsewhere' ? null : stepBeforeRecord(rows);
  if (stepBefore !== null) return { kind: stepBefore };
  const hadFailed = company !== null && hasFailed(company);

  switch (payload.kind) {
    case 'deleted':
    case 'announced-elsewhere':
      if (company !== null && company.holds > MAX_HOLDS_REMOVED) return HAS_MANY_HOLDS;
      if (!rows.allLoaded || !rows.allHoldsLoaded) return NEEDS_ALL_HOLDS;
      // Applies also to a held company: a hold guards an announcement, and this company will never have one.
      rows.reduceTo({ outcome: payload.kind, offset: event.offset, timestamp: event.timestamp });
      return APPLIED;

    case 'manifest': {
      if (company !== null && !isMeasured(company)) return NEEDS_ALL_ROWS;
      const exceeded = exceededBy(rows, payload);
      if (exceeded !== null) return { kind: 'beyond-limit', ...exceeded };
      liftHolds(rows, event);
      applyManifest(rows, event, payload);
      return judge(rows, policy, hadFailed);
    }

    case 'unlinked': {
      const ending = linksToEnd(rows, payload);
      if (ending.length > 0 && !rows.allLoaded) return NEEDS_ALL_ROWS;
      liftHolds(rows, event);
      if (ending.length > 0) endLinks(rows, event, payload);
      return judge(rows, policy, hadFailed);
    }

    case 'status': {
      const refusal = refusalOf(rows, payload);
      if (refusal === null && !rows.allLoaded && wouldForget(rows, payload)) return NEEDS_ALL_ROWS;
      const growth = refusal === null ? growthByStatus(rows, payload) : 0;
      if (growth !== 0 && company !== null && !isMeasured(company)) return NEEDS_ALL_ROWS;
      const exceeded = growth === 0 ? null : exceedsAnnouncement(company, growth);
      if (exceeded !== null) return { kind: 'beyond-limit', ...exceeded };
      const lifted = liftHolds(rows, event);
      if (refusal === null) applyStatus(rows, event, payload, growth);
      else if (!lifted) return { kind: 'ignored', why: refusal };
      return judge(rows, policy, hadFailed);
    }

    default:
      return assertNever(payload);
  }
}

/**
 * Holds the company of a bad record: the company cannot be announced until the record is repaired. First do the step
 * that `stepBeforeRecord` returns: a record that arrives later must not hold an overdue company.
 *
 * @param holdId `<partition>/<offset>` of the bad record
 * @param times `heldSince`: when the record was read; `progressAt`: the progress of a company that begins with it
 * @returns whether the record now holds the company; an announced or deleted company is never held
 */
export function hold(
  rows: CompanyRows,
  holdId: string,
  code: DeadLetterCode,
  { heldSince, progressAt = heldSince }: { readonly heldSince: TimestampMs; readonly progressAt?: TimestampMs },
): boolean {
  const company = rows.company ?? withProgress(NEW_COMPANY, progressAt);
  if (company.outcome !== 'pending') return false;
  if (rows.hold(holdId) !== null) return true;
  rows.setHold(holdId, { code, timestamp: heldSince });
  rows.setCompany({ ...company, holds: company.holds + 1, failureReported: false });
  return true;
}

/** @param hadFailed `hasFailed` before the event */
function judge(rows: CompanyRows, policy: Policy, hadFailed: boolean): Outcome {
  const company = rows.company;
  if (company === null) return { kind: 'ignored', why: 'nothing-to-do' };
  if (company.outcome !== 'pending')
    throw new Error(`company ${rows.companyId} was judged again, although it is announced or deleted`);
  if (isComplete(company, policy)) return { kind: 'completed', policy };
  if (!hasFailed(company)) clearFailure(rows, company);
  else if (!hadFailed && policy === 'ALL_DATASETS') return { kind: 'failed' };
  return APPLIED;
}

/** The company has left the state that was reported as failed: the next time that it comes there is reported again. */
function clearFailure(rows: CompanyRows, company: PendingCompany): void {
  if (company.failureReported) rows.setCompany({ ...company, failureReported: false });
}

/**
 * Decides whether a company is complete: it has no hold, and at least one named dataset has succeeded. Under
 * ALL_DATASETS, also every link is sealed or ended, and every named dataset is finished. (`succeeded` counts only
 * datasets that a manifest has named, so no check for a manifest is needed.)
 */
export function isComplete(company: PendingCompany, policy: Policy): boolean {
  if (company.holds > 0 || company.succeeded === 0) return false;
  switch (policy) {
    case 'FIRST_DATASET':
      return true;
    case 'ALL_DATASETS':
      return company.unsealed === 0 && company.unfinished === 0;
    default:
      return assertNever(policy);
  }
}

/**
 * Removes holds of a company whose next record makes it final. They must be in memory. Nothing else may remove a hold
 * that was not repaired.
 *
 * @param left how many holds the company has afterwards
 */
export function removeHolds(rows: CompanyRows, holdIds: readonly string[], left: number): void {
  const { company } = rows;
  if (company?.outcome !== 'pending' || left < 1)
    throw new Error(`company ${rows.companyId}: removeHolds must leave at least one hold`);
  for (const holdId of holdIds) rows.setHold(holdId, null);
  rows.setCompany({ ...company, holds: left });
}

function liftHolds(rows: CompanyRows, { repairs, timestamp }: InputEvent): boolean {
  if (repairs.length === 0) return false;
  let lifted = false;
  for (const holdId of repairs) {
    const company = rows.company;
    if (company === null || company.outcome !== 'pending' || company.holds === 0) break;
    if (rows.hold(holdId) === null) continue;
    rows.setHold(holdId, null);
    rows.setCompany(withProgress({ ...company, holds: company.holds - 1 }, timestamp));
    lifted = true;
  }
  return lifted;
}

function refusalOf(rows: CompanyRows, status: DatasetStatusChanged): 'refresh' | 'stale' | null {
  if (status.trigger === 'REFRESH') return 'refresh';
  if (status.revision === null) return null;
  const known = rows.dataset(status.datasetId)?.revision ?? null;
  return known !== null && status.revision <= known ? 'stale' : null;
}

function wouldForget(rows: CompanyRows, status: DatasetStatusChanged): boolean {
  const company = rows.company as PendingCompany | null;
  return company !== null && company.early >= MAX_EARLY_DATASETS && rows.dataset(status.datasetId) === null;
}

function applyStatus(rows: CompanyRows, event: InputEvent, status: DatasetStatusChanged, growth: number): void {
  if (wouldForget(rows, status)) forgetEarlyDatasets(rows, event.offset);
  const before = rows.dataset(status.datasetId);
  const after: DatasetRow = {
    place: before === null ? null : before.place,
    status: status.status,
    revision: status.revision ?? before?.revision ?? null,
    offset: event.offset,
    timestamp: event.timestamp,
  };
  rows.setDataset(status.datasetId, after);

  const company = (rows.company as PendingCompany | null) ?? NEW_COMPANY;
  const tally = new Tally(company.endedLinks);
  tally.change(before, after);
  const counted = tally.addedTo(company);
  const measured = growth === 0 ? counted : { ...counted, announcementBytes: counted.announcementBytes + growth };
  const progressed = withProgress(measured, event.timestamp);
  if (progressed !== rows.company) rows.setCompany(progressed);
}
