/** Waits until nothing is left to do, so that the audit can judge every company. */
import type { Kafka } from 'kafkajs';
import { pollUntil } from '../cluster/poll-until.js';
import type { Deployment } from '../deployment.js';
import type { ChaosInstance } from './chaos-instance.js';

/** Longer than a session, a rebalance and a restore on a busy machine. */
const READY_TIMEOUT_MS = 180_000;
const CONSUMED_TIMEOUT_MS = 180_000;
const INTERVAL_MS = 500;

/**
 * Resolves when every instance is ready and the group has committed the whole input. Nobody may write any more.
 *
 * @param waiting gets what it waits for, again and again
 * @throws Error that says what did not come about
 */
export async function atRest(
  kafka: Kafka,
  deployment: Deployment,
  instances: readonly ChaosInstance[],
  waiting: (forWhat: string) => void,
): Promise<void> {
  const until = (probe: () => Promise<boolean>, awaited: string, timeoutMs: number): Promise<void> => {
    const reported = async (): Promise<boolean> => {
      for (const instance of instances) instance.mustRun();
      return probe().catch((error: Error) => {
        waiting(`${awaited} (${error.message})`);
        throw error;
      });
    };
    waiting(awaited);
    return pollUntil(reported, { awaited, timeoutMs, intervalMs: INTERVAL_MS });
  };
  const allReady = async () => (await Promise.all(instances.map((instance) => instance.isReady()))).every(Boolean);
  await until(allReady, 'every instance is ready', READY_TIMEOUT_MS);

  const admin = kafka.admin();
  await admin.connect();
  try {
    const { applicationId, topics } = deployment;
    const consumed = async (): Promise<boolean> => {
      const ends = await admin.fetchTopicOffsets(topics.events);
      const [group] = await admin.fetchOffsets({ groupId: applicationId, topics: [topics.events] });
      const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      const behind = ends.filter(({ partition, high }) => (committed.get(partition) ?? 0) < Number(high));
      if (behind.length === 0) return true;
      const places = behind.map(({ partition, high }) => `${partition}: ${committed.get(partition) ?? 0} of ${high}`);
      throw new Error(`committed in partition ${places.join(', ')}`);
    };
    await until(consumed, 'the group has committed the whole input', CONSUMED_TIMEOUT_MS);
  } finally {
    await admin.disconnect();
  }
}
