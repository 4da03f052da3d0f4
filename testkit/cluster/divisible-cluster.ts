/** Three brokers, one of which can be cut off from the others while its clients still reach it. */
import { BrokerNetwork } from './broker-network.js';
import type { Cluster, ClusterOptions } from './cluster.js';
import { findJavas } from './find-java.js';
import { startJarClusterAt } from './jar-cluster.js';
import { nothingToRunKafka } from './what-to-install.js';

const BROKERS = 3;

/** A broker that comes back soon leads its preferred partitions again, so a test can cut it off again. */
export const LEADERS_RETURN_SOON = {
  'leader.imbalance.check.interval.seconds': '1',
  'leader.imbalance.per.broker.percentage': '0',
};

export interface DivisibleCluster extends Cluster {
  /** Drops packets between brokers. No broker is notified. */
  readonly network: Pick<BrokerNetwork, 'cutOff' | 'heal' | 'cutApart' | 'joinAgain'>;
}

/** Why it cannot be started on this machine; null if it can. */
export function indivisible(): string | null {
  return BrokerNetwork.unavailable();
}

/** Starts it from jars. `options.brokers` and `options.brokerConfig` have no effect. */
export async function startDivisibleCluster(options: ClusterOptions): Promise<DivisibleCluster> {
  const [newest, ...older] = await findJavas(process.env);
  if (newest === undefined) throw nothingToRunKafka('no Java of release 17 or later');
  const network = BrokerNetwork.create(BROKERS);
  try {
    const own = { ...options, brokerConfig: LEADERS_RETURN_SOON };
    const cluster = await startJarClusterAt(network.places, own, [newest, ...older]);
    const stop = async (): Promise<void> => {
      await cluster.stop();
      network.remove();
    };
    return { ...cluster, stop, network };
  } catch (error) {
    network.remove();
    throw error;
  }
}
