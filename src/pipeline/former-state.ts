/**
 * Finds out whether a partition without state and without a group offset had state before. If it had, its records were
 * judged before, and judging them again would announce companies again.
 *
 * Other partitions prove nothing. In a first start some partitions have state before the others begin.
 */
import type { TopicPartition } from '../lib/record.js';
import { shellQuoted } from '../lib/shell-command.js';
import { withReader } from '../lib/with-reader.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import { UnreadableBatchError } from './errors.js';
import type { LostTail } from './lost-tail.js';
import { isEventOf } from './missing-outbound.js';
import { isOtherInput } from './origin.js';
import type { PartitionView } from './partition-view.js';

/** How many of the newest offsets of each outbound partition to look at. */
const LOOKED_AT = 1_000;

/**
 * @param signal aborts when the partition is taken away
 * @returns what shows that the partition had state, as a clause. Null if nothing shows it, or if an operator has
 *   consented to a first start
 * @throws BrokerError, ReaderClosedError
 */
export async function formerState(
  context: PipelineContext,
  partition: number,
  { former: { changelogOffset } }: Pick<PartitionStore, 'former'>,
  signal: AbortSignal,
): Promise<string | null> {
  const { topics, partitioner, mayBeFirstStart } = context;
  if (mayBeFirstStart) return null;
  if (changelogOffset > 0)
    return `this instance has followed the changelog ${topics.changelog}/${partition} up to offset ${changelogOffset}`;
  for (const target of partitioner.targets(topics.synchronized, partition).partitions) {
    const at = { topic: topics.synchronized, partition: target };
    const offset = await announcedBy(context, partition, at, signal);
    if (offset !== null) return `${at.topic}/${at.partition} has an announcement of it at offset ${offset}`;
  }
  return null;
}

/** The offset of an announcement that this partition has made; null if none is among the newest records. */
async function announcedBy(
  context: PipelineContext,
  partition: number,
  log: TopicPartition,
  signal: AbortSignal,
): Promise<number | null> {
  const { changelogLogs } = context;
  const { start, end } = await changelogLogs.bounds(log);
  const from = Math.max(start, end - LOOKED_AT);
  if (from >= end) return null;
  const isOurs = isEventOf(context, partition);
  const look = async (reader: ReturnType<PipelineContext['changelogLogs']['reader']>): Promise<number | null> => {
    for (let position = from; position < end;) {
      const { records, nextOffset } = await reader.next(LOOKED_AT);
      const ours = records.find(isOurs);
      if (ours !== undefined) return ours.offset;
      position = nextOffset;
    }
    return null;
  };
  try {
    return await withReader(changelogLogs.reader(log, from), look, signal);
  } catch (error) {
    // The batch belongs to no known writer. It must not keep a partition from its first start.
    if (error instanceof UnreadableBatchError) return null;
    throw error;
  }
}

/** What a folder that was set aside on this instance shows. Null if it shows no loss. */
export function lostTailOf(
  { applicationId, kafkaCommand }: PipelineContext,
  partition: number,
  store: PartitionStore,
  { committed, committedIn, input }: PartitionView,
): LostTail | null {
  const { rows } = store.former;
  const position = store.position();
  if (rows === null || position === null || rows.position.offset <= position.offset) return null;
  if (rows.position.topic !== position.topic || isOtherInput(rows.origin, input.topicId)) return null;
  const accept = kafkaCommand(
    'kafka-consumer-groups.sh',
    `--group ${shellQuoted(applicationId)} --topic ${shellQuoted(`${position.topic}:${partition}`)} ` +
      `--reset-offsets --to-offset ${position.offset} --execute`,
  );
  return { upTo: rows.position.offset, isAccepted: committed !== null && committedIn < 0, accept };
}
