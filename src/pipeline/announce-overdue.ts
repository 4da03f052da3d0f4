/** Announces companies that an older release left waiting. */
import { announce, type Announcement } from '../domain/announcement.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { Offset } from '../domain/events.js';
import { clientMayChoose, policyFor, type Policy } from '../domain/policy.js';
import { completingOf } from '../domain/recount.js';
import { NO_HEADERS, type LogRecord } from '../lib/record.js';
import type { PipelineContext } from './context.js';

export interface OverdueAnnouncement {
  readonly announcement: Announcement;
  /** The record that would have completed the company. */
  readonly completing: LogRecord;
}

/**
 * Announces a company that an older release left waiting, by the record that completed it (`completingOf`). That record
 * was read long ago and may be gone, so the announcement has no trace headers.
 *
 * @param reached above the offset of every record that was applied
 */
export function announceOverdue(context: PipelineContext, rows: CompanyRows, reached: Offset): OverdueAnnouncement {
  const completing = completingOf(rows, reached);
  const { offset, timestamp, clientId } = completing;
  const announcement = announce(rows, completing, policyInForce(context, timestamp, clientId));
  return { announcement, completing: { offset, timestamp, key: null, value: null, headers: NO_HEADERS } };
}

/** The policy that applies to a record. */
export function policyInForce(
  { allDatasetsFrom, settings }: PipelineContext,
  timestamp: number,
  clientId: string,
): Policy {
  const choice = clientMayChoose(timestamp, allDatasetsFrom) ? settings.policyOf(clientId) : undefined;
  return policyFor(timestamp, allDatasetsFrom, choice);
}
