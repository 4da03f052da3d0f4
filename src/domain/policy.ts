import type { TimestampMs } from './events.js';

/** Which datasets must be finished before a company is announced. `isComplete` in transition.ts applies it. */
export type Policy = 'FIRST_DATASET' | 'ALL_DATASETS';

/** A record timestamp before this is not a date: it is missing (-1), or in seconds. */
const FIRST_DATE = Date.UTC(2015, 0, 1);

/**
 * Whether a record timestamp says when the record was made. A timestamp that is not a date cannot be compared with the
 * date of a rule.
 */
export function isDate(timestamp: TimestampMs): boolean {
  return timestamp >= FIRST_DATE;
}

/**
 * Whether the client's own choice counts for a record with this timestamp. If not, the choice need not be looked up.
 */
export function clientMayChoose(timestamp: TimestampMs, allDatasetsFrom: TimestampMs): boolean {
  return isDate(timestamp) && timestamp < allDatasetsFrom;
}

/**
 * The policy in force for one record.
 *
 * @param timestamp the record's Kafka timestamp. Wall-clock time plays no part, so a replay gives the same decisions. A
 *   timestamp that is not a date is judged by ALL_DATASETS, because FIRST_DATASET would announce early.
 * @param allDatasetsFrom records stamped at or after this time are judged by ALL_DATASETS, whatever the client chose
 * @param clientSetting the client's own choice, if the client made one
 */
export function policyFor(
  timestamp: TimestampMs,
  allDatasetsFrom: TimestampMs,
  clientSetting: Policy | undefined,
): Policy {
  return clientMayChoose(timestamp, allDatasetsFrom) ? (clientSetting ?? 'FIRST_DATASET') : 'ALL_DATASETS';
}
