/** All scenarios, against a real broker and a simulated one. */
import { logLevel } from 'kafkajs';
import { startCluster } from '../simulated-kafka/real-time.js';
import { ClusterUnderTest } from './cluster-under-test.js';
import { GROUP_SCENARIOS } from './group-scenarios.js';
import { LOG_SCENARIOS } from './log-scenarios.js';
import { answersOf, differences, type Difference, type Scenario } from './scenario.js';
import { TRANSACTION_SCENARIOS } from './transaction-scenarios.js';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ...TRANSACTION_SCENARIOS,
  ...GROUP_SCENARIOS,
  ...LOG_SCENARIOS,
};

export interface Comparison {
  readonly answers: number;
  readonly differences: readonly Difference[];
}

/**
 * @param bootstrap the address of a real cluster of one broker
 * @param run names this run: the topics and groups of earlier runs stay in the real cluster
 */
export async function compare(scenario: Scenario, bootstrap: string, run: string): Promise<Comparison> {
  const simulated = startCluster({ brokers: 1, replication: 1 });
  const retry = { initialRetryTime: 50, retries: 8 };
  const config = { brokers: [bootstrap], logLevel: logLevel.NOTHING, retry };
  try {
    const [real, other] = await Promise.all([
      answersOf(scenario, new ClusterUnderTest(config, run)),
      answersOf(scenario, new ClusterUnderTest({ ...simulated.config, brokers: simulated.cluster.addresses() }, run)),
    ]);
    return { answers: real.length, differences: differences(real, other) };
  } finally {
    simulated.stop();
  }
}
