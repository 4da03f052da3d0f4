/** The hold that a partition has had for longest. */
import type { TimestampMs } from '../domain/events.js';
import { isDate } from '../domain/policy.js';
import type { CommittedRows } from './committed-rows.js';
import { decodeHoldRow } from './row-codec.js';
import { HOLD_PREFIX } from './row-keys.js';

/**
 * When the oldest of the poison records was stamped that hold companies; null if none with a date does. It reads the hold rows,
 * which lie together, and nothing else: its cost does not depend on how many companies there are.
 */
export async function oldestHold(rows: CommittedRows): Promise<TimestampMs | null> {
  let oldest: TimestampMs | null = null;
  for await (const { value } of rows.pairs(HOLD_PREFIX)) {
    const { timestamp } = decodeHoldRow(value);
    if (isDate(timestamp) && (oldest === null || timestamp < oldest)) oldest = timestamp;
  }
  return oldest;
}
