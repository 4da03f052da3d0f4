/** All scenarios, against a real broker and a simulated one. */
import { logLevel } from 'kafkajs';
import type { Cluster } from '../cluster/cluster.js';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { startCluster, type RealTimeCluster } from '../simulated-kafka/real-time.js';
import { judge, type Judgement } from './accepted-differences.js';
import { ClusterUnderTest } from './cluster-under-test.js';
import { COMPACTING, COMPACTION_SCENARIOS } from './compaction-scenarios.js';
import { COORDINATOR_SCENARIOS } from './coordinator-scenarios.js';
import { GROUP_SCENARIOS } from './group-scenarios.js';
import { LEADER_SCENARIOS } from './leader-scenarios.js';
import { LOG_SCENARIOS } from './log-scenarios.js';
import { RealOperator, SimulatedOperator, type BrokerAt } from './operator.js';
import { answersOf, differences, type Scenario } from './scenario.js';
import { TRANSACTION_SCENARIOS } from './transaction-scenarios.js';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ...TRANSACTION_SCENARIOS,
  ...GROUP_SCENARIOS,
  ...LOG_SCENARIOS,
};

export interface Comparison extends Judgement {
  readonly answers: number;
}

/** Scenarios that move leaders and stop brokers. */
export const SCENARIOS_OF_THREE: Readonly<Record<string, Scenario>> = {
  ...LEADER_SCENARIOS,
  ...COORDINATOR_SCENARIOS,
  ...COMPACTION_SCENARIOS,
};

/** A cluster for `compareThree`. */
export function startThree(): Promise<Cluster> {
  return startOwnCluster({ brokers: 3, registry: false, brokerConfig: COMPACTING });
}

/** A broker of the simulation counts as down after this time without a heartbeat. */
const SESSION_MS = 4_000;
const RETRY = { initialRetryTime: 50, retries: 8 };

/**
 * @param bootstrap the address of a real cluster of one broker
 * @param run names this run: the topics and groups of earlier runs stay in the real cluster
 */
export async function compare(name: string, bootstrap: string, run: string): Promise<Comparison> {
  const simulated = startCluster({ brokers: 1, replication: 1 });
  const config = { brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: RETRY };
  try {
    return await comparison(
      name,
      new ClusterUnderTest(config, [{ id: 1, address: bootstrap }], run),
      new ClusterUnderTest(simulated.config, brokersOf(simulated), run),
    );
  } finally {
    simulated.stop();
  }
}

/** @param cluster real, of three brokers that nobody else uses: the scenario freezes them */
export async function compareThree(name: string, cluster: Cluster, run: string): Promise<Comparison> {
  const simulated = startCluster({ brokers: 3, replication: 3, delays: { session: SESSION_MS } });
  const config = { brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING, retry: RETRY };
  const operator = new RealOperator(cluster, config);
  try {
    return await comparison(
      name,
      new ClusterUnderTest(config, await operator.brokers(), run, operator),
      new ClusterUnderTest(simulated.config, brokersOf(simulated), run, new SimulatedOperator(simulated.cluster)),
    );
  } finally {
    simulated.stop();
    await operator.close();
  }
}

async function comparison(name: string, real: ClusterUnderTest, simulated: ClusterUnderTest): Promise<Comparison> {
  const scenario = SCENARIOS[name] ?? SCENARIOS_OF_THREE[name];
  if (scenario === undefined) throw new Error(`there is no scenario '${name}'`);
  const [inReal, inSimulation] = await Promise.all([answersOf(scenario, real), answersOf(scenario, simulated)]);
  return { answers: inReal.length, ...judge(name, differences(inReal, inSimulation)) };
}

function brokersOf({ cluster }: RealTimeCluster): BrokerAt[] {
  return cluster.addresses().map((address, index) => ({ id: index + 1, address }));
}
