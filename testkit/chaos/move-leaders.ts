/** Moves the leaders of a topic to other brokers, while all brokers run. */
import type { Kafka } from 'kafkajs';
import { pollUntil } from '../cluster/poll-until.js';

export interface PartitionLeader {
  readonly partition: number;
  readonly leader: number;
  /** Node ids, which include the leader. */
  readonly replicas: readonly number[];
}
export type Leaders = readonly PartitionLeader[];

/** A broker that was restarted leads again only when it has caught up. */
const MOVE_TIMEOUT_MS = 90_000;
const INTERVAL_MS = 250;

/**
 * Resolves when all leaders are as wanted. The brokers need a short `leader.imbalance.check.interval.seconds`.
 *
 * @param wanted gets the leaders of now, and returns those that the topic is to have
 * @returns the former leaders
 */
export async function moveLeaders(kafka: Kafka, topic: string, wanted: (now: Leaders) => Leaders): Promise<Leaders> {
  const admin = kafka.admin();
  await admin.connect();
  const leaders = async (): Promise<Leaders> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics[0]?.partitions ?? [];
    return partitions.map(({ partitionId, leader, replicas }) => ({ partition: partitionId, leader, replicas }));
  };
  try {
    let before: Leaders = [];
    const haveLeaders = async (): Promise<boolean> => {
      before = await leaders();
      return before.length > 0 && before.every(({ leader }) => leader > 0);
    };
    await pollUntil(haveLeaders, { awaited: `${topic} has leaders`, timeoutMs: MOVE_TIMEOUT_MS });
    const target = wanted(before);
    // The first replica is the preferred leader.
    const partitionAssignment = target.map(({ partition, leader, replicas }) => ({
      partition,
      replicas: [leader, ...replicas.filter((id) => id !== leader)],
    }));
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    const leaderOf = new Map(target.map(({ partition, leader }) => [partition, leader]));
    const haveMoved = async (): Promise<boolean> =>
      (await leaders()).every(({ partition, leader }) => leader === leaderOf.get(partition));
    const awaited = `the leaders of ${topic} have moved`;
    await pollUntil(haveMoved, { awaited, timeoutMs: MOVE_TIMEOUT_MS, intervalMs: INTERVAL_MS });
    return before;
  } finally {
    await admin.disconnect();
  }
}
