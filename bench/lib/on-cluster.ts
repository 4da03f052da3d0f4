import type { Cluster } from '../../testkit/cluster/cluster.js';
import { startCluster } from '../../testkit/cluster/start-cluster.js';
import { describeMachine } from './figures.js';

/** Prints the machine, then runs a bench on a cluster that ends with it: by default one that fits a bench's load. */
export async function onCluster(
  bench: (cluster: Cluster) => Promise<void>,
  start: () => Promise<Cluster> = () => startCluster({ profile: 'bench' }),
): Promise<void> {
  console.log(describeMachine());
  const cluster = await start();
  try {
    await bench(cluster);
  } finally {
    await cluster.stop();
  }
}
