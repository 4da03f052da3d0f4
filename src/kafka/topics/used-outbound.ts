/** Checks at a first start whether the topic for announcements already has records. */
import type { Clock } from '../../lib/clock.js';
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import { withReader } from '../../lib/with-reader.js';
import { StaleViewError } from '../../pipeline/errors.js';
import { boundsByMost } from '../../pipeline/partition-view.js';
import type { Logs } from '../../pipeline/ports.js';
import { changelogUse } from './changelog-use.js';

/** A topic's name and its number of partitions. */
interface SizedTopic {
  readonly topic: string;
  readonly partitions: number;
}

export interface FirstStartTopics {
  readonly input: SizedTopic;
  readonly changelog: SizedTopic;
  readonly outbound: SizedTopic;
}

export interface UsedOutbound {
  /** Records that retention has left, including markers and records of aborted transactions. */
  readonly records: number;
  /** How many partitions were ever written to. */
  readonly usedPartitions: number;
  /** One of the records, which shows its writer and its event id. Null if no record is left. */
  readonly sample: Pick<LogRecord, 'key' | 'headers'> | null;
}

/**
 * Describes an outbound topic that was used before a first start. Null if the outbound topic was never written to, or
 * if this is not a first start. At a later start the changelog has committed records, or the group has an offset.
 *
 * It looks at the outbound topic first, and only at committed records. Another instance may start at the same time. If
 * its commit is seen in the outbound topic, it is then seen in the changelog too, so both instances start.
 *
 * No later check finds a used outbound topic. So the answer of a broker that is cut off must not be accepted.
 * @param logs must read the changelog as a compacted topic
 * @throws StaleViewError while too few brokers answer, or while it is unclear whether the changelog has records
 */
export async function findUsedOutbound(
  logs: Logs,
  topics: FirstStartTopics,
  clock: Clock,
): Promise<UsedOutbound | null> {
  const bounds = await ofEach(topics.outbound, (partition) => boundsByMost(logs, partition));
  const usedPartitions = bounds.filter(({ end }) => end > 0).length;
  if (usedPartitions === 0 || !(await isFirstStart(logs, topics, clock))) return null;
  const records = bounds.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);
  const partition = bounds.findIndex(({ start, end }) => start < end);
  const { topic } = topics.outbound;
  return { records, usedPartitions, sample: partition === -1 ? null : await firstRecord(logs, { topic, partition }) };
}

async function isFirstStart(logs: Logs, { input, changelog }: FirstStartTopics, clock: Clock): Promise<boolean> {
  const changelogBounds = await ofEach(changelog, (partition) => boundsByMost(logs, partition));
  const use = await changelogUse(logs, changelog.topic, changelogBounds, clock);
  if (use === 'used') return false;
  const offsets = await ofEach(input, (partition) => logs.committedOffset(partition));
  if (offsets.some((offset) => offset !== null)) return false;
  if (use === 'empty') return true;
  // The commit of another instance can be seen in the outbound topic while its transaction is still open here.
  throw new StaleViewError(`it is unclear whether this application has run before: ${use.unclear}`);
}

function ofEach<T>({ topic, partitions }: SizedTopic, ask: (partition: TopicPartition) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => ask({ topic, partition })));
}

async function firstRecord(logs: Logs, partition: TopicPartition): Promise<UsedOutbound['sample']> {
  const { start, end } = await logs.bounds(partition);
  return withReader(logs.reader(partition, start), async (reader) => {
    for (let position = start; position < end;) {
      const { records, nextOffset } = await reader.next(1);
      if (records[0] !== undefined) return records[0];
      position = nextOffset;
    }
    return null;
  });
}
