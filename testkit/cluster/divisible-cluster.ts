/** Three brokers, one of which can be cut off from the others while its clients still reach it. */
import { BrokerNetwork } from './broker-network.js';
import type { Broker, Cluster } from './cluster.js';
import { findJavas } from './find-java.js';
import { startJarClusterAt } from './jar-cluster.js';
import { nothingToRunKafka } from './what-to-install.js';

const BROKERS = 3;

const brokerConfig = {
  // A broker that comes back soon leads its preferred partitions again, so the test can cut it off again.
  'leader.imbalance.check.interval.seconds': '1',
  'leader.imbalance.per.broker.percentage': '0',
};

export interface DivisibleCluster extends Cluster {
  /** Drops all packets between this broker and the others. No broker is notified. */
  cutOff(broker: Pick<Broker, 'id'>): void;
  heal(broker: Pick<Broker, 'id'>): void;
}

/** Why it cannot be started on this machine; null if it can. */
export function indivisible(): string | null {
  return BrokerNetwork.unavailable();
}

/** Starts it from jars, without a registry. */
export async function startDivisibleCluster(): Promise<DivisibleCluster> {
  const [newest, ...older] = await findJavas(process.env);
  if (newest === undefined) throw nothingToRunKafka('no Java of release 17 or later');
  const network = BrokerNetwork.create(BROKERS);
  try {
    const options = { registry: false, brokerConfig };
    const cluster = await startJarClusterAt(network.places, options, [newest, ...older]);
    const stop = async (): Promise<void> => {
      await cluster.stop();
      network.remove();
    };
    return { ...cluster, stop, cutOff: ({ id }) => network.cutOff(id), heal: ({ id }) => network.heal(id) };
  } catch (error) {
    network.remove();
    throw error;
  }
}
