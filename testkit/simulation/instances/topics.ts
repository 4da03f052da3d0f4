/** The deployment that all runs have: its names, its topics, its settings. */
import { loadConfig, type Config } from '../../../src/config.js';
import { planOf, TOPIC_ROLES } from '../../../src/kafka/topics/topic-plan.js';
import type { SimulatedCluster } from '../../simulated-kafka/index.js';
import { APPLICATION_ID } from '../pipeline/world.js';

export { ALL_DATASETS_FROM, APPLICATION_ID } from '../pipeline/world.js';

export const BROKERS = 3;

/** @param brokers in the order in which an instance tries them at its start */
export function configOf(brokers: readonly string[], settings: Readonly<Record<string, string>> = {}): Config {
  const names = { KAFKA_BROKERS: brokers.join(','), APPLICATION_ID, STATE_DIR: '/simulated' };
  return loadConfig({ ...names, ...settings }, {}, () => '');
}

export const TOPICS = configOf(['any:1']).topics;

export function createTopics(cluster: SimulatedCluster, partitions: number): void {
  const values = { names: TOPICS, partitions, replicationFactor: BROKERS };
  const maxMessageBytes = String(1_048_588);
  const input = { partitions, settings: new Map([['max.message.bytes', maxMessageBytes]]) };
  for (const role of TOPIC_ROLES) {
    const { topic, replicationFactor, settings, ...plan } = planOf(role, { ...values, input });
    cluster.createTopic(topic, { ...plan, replication: replicationFactor, settings });
  }
}
