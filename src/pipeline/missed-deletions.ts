import { isoTime } from '../lib/iso-time.js';
import type { PipelineContext } from './context.js';
import { MissedDeletionsError } from './errors.js';
import { HOUR_MS } from '../lib/time-units.js';

/** A store that follows the changelog records once an hour that it is at the end: see `AtEndNotes`. */
const LONGEST_BETWEEN_NOTES_MS = 2 * HOUR_MS;

/** With a shorter delete.retention.ms of the changelog, `mustSeeDeletions` notices missed deletions too late. */
export const LEAST_DELETE_RETENTION_MS = LONGEST_BETWEEN_NOTES_MS + HOUR_MS;

/**
 * How long a store may miss changes, in milliseconds. After that, compaction may have removed tombstones that the store
 * never saw.
 */
export function maxAwayMs({ deleteRetentionMs }: Pick<PipelineContext, 'deleteRetentionMs'>): number {
  return Math.max(0, deleteRetentionMs - HOUR_MS);
}

/**
 * Checks that the store cannot have missed deletions. Call it after each read of the changelog, before the records are
 * replayed. A process that was suspended, or cut off from the brokers, continues reading without an error. But
 * tombstones may have been removed meanwhile.
 *
 * @param atEndMs when the store last missed nothing of the changelog; milliseconds since the epoch
 * @throws MissedDeletionsError if that is too long ago: the folder must be opened again, which examines it
 */
export function mustSeeDeletions(context: PipelineContext, partition: number, { atEndMs }: { atEndMs: number }): void {
  const wallMs = context.clock.now();
  const awayMs = wallMs - atEndMs;
  const limitMs = Math.max(LONGEST_BETWEEN_NOTES_MS, maxAwayMs(context));
  if (awayMs > limitMs)
    throw new MissedDeletionsError(
      `the store of partition ${partition} was last at the changelog's end at ${isoTime(atEndMs)}, more than ` +
        `${Math.round(limitMs / HOUR_MS)} h ago: this process was suspended or cut off from the brokers, so it may ` +
        'have missed deletions. The state folder is examined again',
    );
}
