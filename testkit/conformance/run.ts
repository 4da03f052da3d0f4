/** All scenarios, against a real broker and a simulated one. */
import { logLevel } from 'kafkajs';
import type { Cluster } from '../cluster/cluster.js';
import { startCluster } from '../simulated-kafka/real-time.js';
import { ClusterUnderTest } from './cluster-under-test.js';
import { GROUP_SCENARIOS } from './group-scenarios.js';
import { LEADER_SCENARIOS } from './leader-scenarios.js';
import { LOG_SCENARIOS } from './log-scenarios.js';
import { RealOperator, SimulatedOperator } from './operator.js';
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

/** Scenarios that move leaders and stop brokers. */
export const SCENARIOS_OF_THREE: Readonly<Record<string, Scenario>> = {
  ...LEADER_SCENARIOS,
};

/** A broker of the simulation counts as down after this time without a heartbeat. */
const SESSION_MS = 1_000;
const RETRY = { initialRetryTime: 50, retries: 8 };

/**
 * @param bootstrap the address of a real cluster of one broker
 * @param run names this run: the topics and groups of earlier runs stay in the real cluster
 */
export async function compare(scenario: Scenario, bootstrap: string, run: string): Promise<Comparison> {
  const simulated = startCluster({ brokers: 1, replication: 1 });
  const config = { brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: RETRY };
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

/** @param cluster real, of three brokers that nobody else uses: the scenario freezes them */
export async function compareThree(scenario: Scenario, cluster: Cluster, run: string): Promise<Comparison> {
  const simulated = startCluster({ brokers: 3, replication: 3, delays: { session: SESSION_MS } });
  const config = { brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING, retry: RETRY };
  const operator = new RealOperator(cluster, config);
  const addresses = { ...simulated.config, brokers: simulated.cluster.addresses() };
  try {
    const [real, other] = await Promise.all([
      answersOf(scenario, new ClusterUnderTest(config, run, operator)),
      answersOf(scenario, new ClusterUnderTest(addresses, run, new SimulatedOperator(simulated.cluster))),
    ]);
    return { answers: real.length, differences: differences(real, other) };
  } finally {
    simulated.stop();
    await operator.close();
  }
}
