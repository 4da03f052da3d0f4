import type { TimestampMs } from './events.js';

/** When a company counts as synchronized. */
export type Policy = 'FIRST_DATASET' | 'ALL_DATASETS';

/** Whether the client's own choice counts for a record of this timestamp: it need not be looked up where it does not. */
export function clientMayChoose(timestamp: TimestampMs, allDatasetsFrom: TimestampMs): boolean {
  return timestamp < allDatasetsFrom;
}

/**
 * The policy in force for one record.
 *
 * @param timestamp the record's Kafka timestamp; wall-clock time plays no part, so that a replay decides the same
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
