/** The oldest hold of a partition. */
import type { TimestampMs } from '../domain/events.js';
import { isDate } from '../domain/policy.js';
import type { CommittedRows } from './committed-rows.js';
import { decodeHoldRow } from './row-codec.js';
import { HOLD_PREFIX } from './row-keys.js';

/**
 * When the oldest hold of the partition began: its bad record was read then. Null if no hold has a date. Reads only the hold
 * rows, which are stored next to each other. So its cost does not depend on the number of companies.
 */
export async function oldestHold(rows: CommittedRows): Promise<TimestampMs | null> {
  let oldest: TimestampMs | null = null;
  for await (const { value } of rows.pairs(HOLD_PREFIX)) {
    const { timestamp } = decodeHoldRow(value);
    if (isDate(timestamp) && (oldest === null || timestamp < oldest)) oldest = timestamp;
  }
  return oldest;
}
