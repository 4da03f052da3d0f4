/** Timestamps in the form that avsc writes. A record may have any timestamp, and avsc cannot write the largest longs. */
import type { TimestampMs } from '../domain/events.js';

/** The largest long that avsc can write. */
const MAX_LONG = Number.MAX_SAFE_INTEGER - 1;

export function avroTime(timestamp: TimestampMs): number {
  return Math.min(Math.max(timestamp, -MAX_LONG), MAX_LONG);
}

/** For a union of null and long. */
export function unionTime(timestamp: TimestampMs | null): number | null {
  return timestamp === null ? null : avroTime(timestamp);
}
