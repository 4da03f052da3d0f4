import type { TimestampMs } from './events.js';

/** When a company counts as synchronized. */
export type Policy = 'FIRST_DATASET' | 'ALL_DATASETS';

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
  return timestamp >= allDatasetsFrom ? 'ALL_DATASETS' : (clientSetting ?? 'FIRST_DATASET');
}
