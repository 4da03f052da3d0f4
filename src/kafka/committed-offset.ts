/** The group's committed offset of a partition, asked of a broker that coordinates the group. */
import type { TopicPartition } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import type { ConnectedBroker } from './broker-connections.js';

const NOTHING_COMMITTED = -1;

/** Null if the group has no offset there. @throws what kafkajs throws */
export async function fetchCommittedOffset(
  broker: ConnectedBroker,
  groupId: string,
  { topic, partition }: TopicPartition,
): Promise<number | null> {
  const { responses } = await broker.offsetFetch({ groupId, topics: [{ topic, partitions: [{ partition }] }] });
  const text = responses[0]?.partitions[0]?.offset;
  const offset = Number(text);
  if (!Number.isSafeInteger(offset)) throw new BrokerError(`the broker gave ${text ?? 'nothing'} as an offset`);
  return offset === NOTHING_COMMITTED ? null : offset;
}
