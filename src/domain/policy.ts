import type { TimestampMs } from './events.js';

/** When a company counts as synchronized. */
export type Policy = 'FIRST_DATASET' | 'ALL_DATASETS';

/** An earlier record timestamp is not a date: it is missing (-1), or in seconds. */
const FIRST_DATE = Date.UTC(2015, 0, 1);

/** Whether a record timestamp says when the record was made. What is not a date says nothing about any rule's date. */
export function isDate(timestamp: TimestampMs): boolean {
  return timestamp >= FIRST_DATE;
}

/** Whether the client's own choice counts for a record of this timestamp: else it need not be looked up. */
export function clientMayChoose(timestamp: TimestampMs, allDatasetsFrom: TimestampMs): boolean {
  return isDate(timestamp) && timestamp < allDatasetsFrom;
}

/**
 * The policy in force for one record.
 *
 * @param timestamp the record's Kafka timestamp; wall-clock time plays no part, so that a replay decides the same. One
 *   that is not a date is judged by ALL_DATASETS: FIRST_DATASET would announce early.
 * @param allDatasetsFrom records stamped from then on are judged by ALL_DATASETS whatever the client chose
 * @param clientSetting the client's own choice, where it made one
 */
export function policyFor(
  timestamp: TimestampMs,
  allDatasetsFrom: TimestampMs,
  clientSetting: Policy | undefined,
): Policy {
  return clientMayChoose(timestamp, allDatasetsFrom) ? (clientSetting ?? 'FIRST_DATASET') : 'ALL_DATASETS';
}
