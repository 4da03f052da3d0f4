import type { TopicContents } from '../audit/topic-record.js';

/**
 * The longest time in which one partition announced nothing, in milliseconds: between two successive announcements, or
 * before the first one.
 *
 * @param beganAt when the first record of the input was written, in milliseconds since the epoch
 */
export function longestPauseMs({ records }: Pick<TopicContents, 'records'>, beganAt: number): number {
  const lastAt = new Map<number, number>();
  let longest = 0;
  for (const { partition, timestamp } of records) {
    longest = Math.max(longest, timestamp - (lastAt.get(partition) ?? beganAt));
    lastAt.set(partition, timestamp);
  }
  return longest;
}
