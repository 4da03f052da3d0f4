/** Where the input may have records that came after dead letters: repairs of them, and later events of their companies. */
import { isDate } from '../domain/policy.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import type { TopicPartition } from '../lib/record.js';
import { HOUR_MS } from '../lib/time-units.js';
import type { DeadLetter } from '../publish/dead-letter.js';

/** The largest difference between the clocks of producers. */
const CLOCK_SKEW_MS = HOUR_MS;
/** Codes of dead letters whose key is wrong: a repair may belong in another partition. */
const CODES_OF_WRONG_KEYS: readonly string[] = ['missing-key', 'key-mismatch'];

interface Logs {
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

/**
 * The first offset to read in each partition of the input, to see what came after the dead letters. A partition that
 * can have no such record is left out.
 */
export async function startsAfter(
  logs: Logs,
  topic: string,
  partitions: number,
  deadLetters: readonly DeadLetter[],
): Promise<Map<number, number>> {
  let elsewhereMs = Infinity;
  for (const deadLetter of deadLetters)
    if (mayContinueElsewhere(deadLetter, partitions)) elsewhereMs = Math.min(elsewhereMs, deadLetter.writtenAt);
  const starts =
    elsewhereMs === Infinity ? new Map<number, number>() : await startsSince(logs, topic, partitions, elsewhereMs);
  for (const { partition, offset } of deadLetters)
    if (partition < partitions) starts.set(partition, Math.min(offset, starts.get(partition) ?? Infinity));
  return starts;
}

/**
 * As `startsAfter`, for one dead letter whose company is known.
 *
 * @param home the partition of the company now. If it is not that of the dead letter, the input may have got more
 *   partitions, perhaps several times: then the company's later records may be in any of them
 */
export async function startsAfterOne(
  logs: Logs,
  topic: string,
  partitions: number,
  { partition: own, offset, timestamp }: Pick<DeadLetter, 'partition' | 'offset' | 'timestamp'>,
  home: number,
): Promise<Map<number, number>> {
  if (home === own) return new Map([[own, offset + 1]]);
  // -1 would ask for the end, and records after the dead letter would not be seen.
  const since = async (partition: number) =>
    isDate(timestamp) ? await logs.offsetSince({ topic, partition }, timestamp) : 0;
  const starts = await Promise.all(Array.from({ length: partitions }, (_, partition) => since(partition)));
  if (own < partitions) starts[own] = offset + 1;
  return new Map(starts.entries());
}

/**
 * For each partition, an offset: all records that are stamped at or after a time have this offset or a higher one.
 * Allows for clocks of producers that differ.
 */
export async function startsSince(
  logs: Logs,
  topic: string,
  partitions: number,
  timeMs: number,
): Promise<Map<number, number>> {
  const since = (partition: number) => logs.offsetSince({ topic, partition }, timeMs - CLOCK_SKEW_MS);
  const starts = await Promise.all(Array.from({ length: partitions }, (_, partition) => since(partition)));
  return new Map(starts.entries());
}
