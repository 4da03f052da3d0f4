/** What an instance that starts for the first time finds in the topic that it will announce to. */
import { withReader } from '../../lib/with-reader.js';
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import { boundsByMost } from '../../pipeline/partition-view.js';
import type { Logs } from '../../pipeline/ports.js';

/** Names and partition counts. */
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
  /** Records that retention has left, those of aborted transactions and markers included. */
  readonly records: number;
  /** How many partitions have ever been written to. */
  readonly usedPartitions: number;
  /** One that is there: it says who wrote it, and under which id. Null if none is left. */
  readonly sample: Pick<LogRecord, 'key' | 'headers'> | null;
}

/**
 * Null unless this is a first start (nothing in the changelog, no offset of the group) on an outbound topic that somebody
 * has written to.
 *
 * The outbound topic is read first, and only what is committed there: a commit of another instance that starts at the same
 * time shows in the changelog before it shows in the outbound topic, so that both start.
 *
 * No later check finds out that an outbound topic was used. So a broker that is cut off, and knows nothing of it, is not
 * believed.
 * @throws StaleViewError while too few brokers answer
 */
export async function findUsedOutbound(logs: Logs, topics: FirstStartTopics): Promise<UsedOutbound | null> {
  const bounds = await ofEach(topics.outbound, (at) => boundsByMost(logs, at));
  const usedPartitions = bounds.filter(({ end }) => end > 0).length;
  if (usedPartitions === 0 || !(await isFirstStart(logs, topics))) return null;
  const records = bounds.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);
  const partition = bounds.findIndex(({ start, end }) => start < end);
  const { topic } = topics.outbound;
  return { records, usedPartitions, sample: partition === -1 ? null : await firstRecord(logs, { topic, partition }) };
}

async function isFirstStart(logs: Logs, { input, changelog }: FirstStartTopics): Promise<boolean> {
  const changelogBounds = await ofEach(changelog, (at) => boundsByMost(logs, at));
  if (changelogBounds.some(({ highWatermark }) => highWatermark > 0)) return false;
  const offsets = await ofEach(input, (at) => logs.committedOffset(at));
  return offsets.every((offset) => offset === null);
}

function ofEach<T>({ topic, partitions }: SizedTopic, ask: (at: TopicPartition) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => ask({ topic, partition })));
}

async function firstRecord(logs: Logs, at: TopicPartition): Promise<UsedOutbound['sample']> {
  const { start, end } = await logs.bounds(at);
  return withReader(logs.reader(at, start), async (reader) => {
    for (let position = start; position < end;) {
      const { records, nextOffset } = await reader.next(1);
      if (records[0] !== undefined) return records[0];
      position = nextOffset;
    }
    return null;
  });
}
