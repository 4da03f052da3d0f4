import { plainClient } from './topics.js';

/**
 * Makes the first of `brokers` the leader of partition 0 of a topic, the second one the leader of partition 1, and so
 * on in turn. Each partition has replicas on all of them. The controller moves leadership later, at its next check for
 * imbalance.
 */
export async function preferLeaders(bootstrap: string, topic: string, brokers: readonly number[]): Promise<void> {
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitionAssignment = (topics[0]?.partitions ?? []).map(({ partitionId, replicas }) => {
      const leader = brokers[partitionId % brokers.length] as number;
      return { partition: partitionId, replicas: [leader, ...replicas.filter((id) => id !== leader)] };
    });
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
  } finally {
    await admin.disconnect();
  }
}
