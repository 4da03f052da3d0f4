const MIN_MS = Date.parse('0000-01-01T00:00:00.000Z');
/** The last instant that RFC 3339 can write. */
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Formats milliseconds since the epoch as RFC 3339 in UTC. A producer can stamp its record with any int64. A time
 * outside of the calendar becomes the nearest time in it.
 */
export function isoTime(ms: number): string {
  return new Date(Math.min(Math.max(ms, MIN_MS), MAX_MS)).toISOString();
}
