/**
 * Fencing a partition's former owner, with nothing left open of its last transaction.
 *
 * Brokers can leave a transaction open in some of its partitions and count it as ended all the same ("hanging"). Kafka
 * 4.3.0 to 4.4.0 take a partition that has no leader for a deleted one when they write the markers: so it goes with
 * whatever a broker was ending when it went down and no other broker had a replica. Those who read only what is committed
 * wait in front of such a transaction, and the next one of the same id would decide for it. So it is ended again, by a
 * transaction without records over all that the former may have written, which ends as the coordinator had decided.
 */
import type { TopicPartition } from '../lib/record.js';
import type { PipelineContext } from './context.js';
import type { TransactionalProducer } from './ports.js';

/** @throws what the ports throw; nothing stays open then */
export async function fence(context: PipelineContext, partition: number): Promise<TransactionalProducer> {
  const { transactions, topics, observer } = context;
  const transactionalId = `${context.applicationId}-${topics.input}-${partition}`;
  const producer = await transactions.fence(transactionalId);
  const outcome = producer.lastOutcome;
  if (outcome === null) return producer;
  try {
    const written = writtenBy(context, partition);
    const open = await leftOpen(context, partition, written);
    if (open.length === 0) return producer;
    observer.leftOpen(partition, outcome, open);
    await producer.begin(written.map(({ at }) => at));
    if (outcome === 'commit') await producer.commit();
  } catch (error) {
    await producer.discard();
    throw error;
  }
  await producer.discard();
  // An abort happens here at the latest; and this returns only once the markers are written.
  return transactions.fence(transactionalId);
}

interface Written {
  readonly at: TopicPartition;
  /** No other input partition leads there. */
  readonly alone: boolean;
}

/** Where the transactions of an input partition write. */
function writtenBy({ topics, partitioner }: PipelineContext, partition: number): Written[] {
  const outbound = [topics.synchronized, topics.deadLetter, topics.stalled].flatMap((topic) => {
    const { partitions, alone } = partitioner.targets(topic, partition);
    return partitions.map((to) => ({ at: { topic, partition: to }, alone }));
  });
  return [{ at: { topic: topics.changelog, partition }, alone: true }, ...outbound];
}

/**
 * What is open although the former owner is fenced. Where others write too something is open at most times, so only what
 * nobody else writes to is looked at: the changelog and the offset are part of each transaction.
 */
async function leftOpen(context: PipelineContext, partition: number, written: readonly Written[]): Promise<string[]> {
  const { topics, inputLogs, changelogLogs } = context;
  const look = async ({ topic, partition }: TopicPartition): Promise<string[]> => {
    const { end, highWatermark } = await changelogLogs.bounds({ topic, partition });
    return end < highWatermark ? [`${topic}/${partition} from offset ${end} on`] : [];
  };
  const input = { topic: topics.input, partition };
  const [offset, ...logs] = await Promise.all([
    inputLogs
      .offsetIsPending(input)
      .then((pending) => (pending ? [`the group's offset in ${input.topic}/${partition}`] : [])),
    ...written.filter(({ alone }) => alone).map(({ at }) => look(at)),
  ]);
  return [...logs.flat(), ...offset];
}
