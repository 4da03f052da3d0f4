import type { TopicContents } from '../audit/topic-record.js';

/** The longest time between two successive announcements in one partition, in milliseconds. */
export function longestPauseMs({ records }: Pick<TopicContents, 'records'>): number {
  const lastAt = new Map<number, number>();
  let longest = 0;
  for (const { partition, timestamp } of records) {
    longest = Math.max(longest, timestamp - (lastAt.get(partition) ?? timestamp));
    lastAt.set(partition, timestamp);
  }
  return longest;
}
