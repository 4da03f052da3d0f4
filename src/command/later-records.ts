/** Where the input may have records that came after dead letters: repairs of them, and later events of their companies. */
import { isDate } from '../domain/policy.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import type { TopicPartition } from '../lib/record.js';
import { HOUR_MS } from '../lib/time-units.js';
import type { DeadLetter } from '../publish/dead-letter.js';
import type { Place } from './input-afterwards.js';

/** The largest difference between the clocks of producers. */
const CLOCK_SKEW_MS = HOUR_MS;
/** Codes of dead letters whose key is wrong: a repair may belong in another partition. */
const CODES_OF_WRONG_KEYS: readonly string[] = ['missing-key', 'key-mismatch'];

export interface LogTimes {
  /** The first offset with a record that is stamped at or after the time. */
  offsetSince(partition: TopicPartition, timeMs: number): Promise<number>;
}

/**
 * Whether later records of the dead letter's company may be in other partitions: if its key is wrong, or if the input
 * has got more partitions since. With another partitioner than the default one this is true too often.
 *
 * @param partitions how many partitions the input has now
 */
export function mayContinueElsewhere(
  { code, key, partition }: Pick<DeadLetter, 'code' | 'key' | 'partition'>,
  partitions: number,
): boolean {
  return CODES_OF_WRONG_KEYS.includes(code) || (key !== null && partitionOfKey(key, partitions) !== partition);
}

/** A repair is sent after its dead letter was written. The clocks of producers may differ. */
export function repairsSinceMs({ writtenAt }: Pick<DeadLetter, 'writtenAt'>): number {
  return writtenAt - CLOCK_SKEW_MS;
}

/**
 * An event of another partition counts as later from the timestamp of the bad record on. If the processor was behind,
 * that is long before the dead letter was written.
 */
function eventsSinceMs({ timestamp }: Pick<DeadLetter, 'timestamp'>): number {
  return isDate(timestamp) ? timestamp : 0;
}

/**
 * The first offset to read in each partition of the input, to see what came after the dead letters. A partition that
 * can have no such record is left out.
 *
 * @param watched the companies whose later events matter; if there are none, only repairs matter
 */
export async function startsAfter(
  logs: LogTimes,
  topic: string,
  partitions: number,
  deadLetters: readonly DeadLetter[],
  watched: ReadonlySet<string>,
): Promise<Map<number, number>> {
  const sinceMs = (deadLetter: DeadLetter) =>
    watched.size === 0 ? repairsSinceMs(deadLetter) : Math.min(repairsSinceMs(deadLetter), eventsSinceMs(deadLetter));
  let elsewhereMs = Infinity;
  for (const deadLetter of deadLetters)
    if (mayContinueElsewhere(deadLetter, partitions)) elsewhereMs = Math.min(elsewhereMs, sinceMs(deadLetter));
  const starts =
    elsewhereMs === Infinity ? new Map<number, number>() : await startsSince(logs, topic, partitions, elsewhereMs);
  for (const { partition, offset } of deadLetters)
    if (partition < partitions) starts.set(partition, Math.min(offset, starts.get(partition) ?? Infinity));
  return starts;
}

/**
 * As `startsAfter`, for one record whose company is known.
 *
 * @param home the partition of the company now. If the record is in another partition, the input may have got more
 *   partitions, perhaps several times. Then any partition may have later records of the company
 */
export async function startsAfterOne(
  logs: LogTimes,
  topic: string,
  partitions: number,
  { partition: own, offset, timestamp }: Place,
  home: number,
): Promise<Map<number, number>> {
  if (home === own) return new Map([[own, offset + 1]]);
  const starts = await startsSince(logs, topic, partitions, eventsSinceMs({ timestamp }));
  if (own < partitions) starts.set(own, offset + 1);
  return starts;
}

/** For each partition, an offset: all records that are stamped at or after a time have this offset or a higher one. */
export async function startsSince(
  logs: LogTimes,
  topic: string,
  partitions: number,
  timeMs: number,
): Promise<Map<number, number>> {
  // -1 would ask for the end, and no record would be seen.
  const since = async (partition: number) => (timeMs > 0 ? await logs.offsetSince({ topic, partition }, timeMs) : 0);
  const starts = await Promise.all(Array.from({ length: partitions }, (_, partition) => since(partition)));
  return new Map(starts.entries());
}
