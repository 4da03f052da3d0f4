import type { ToolHost } from '../../testkit/cluster/cluster.js';
import { runKafkaTool } from '../../testkit/cluster/kafka-tool.js';

/** The addresses of a cluster, in a form for another process. */
export interface ClusterAddress {
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API. */
  readonly registryUrl: string;
  readonly toolHost: ToolHost;
}

/** The cluster that the global set-up started for this Jest worker. Every test may use it that does not break it. */
export interface CurrentCluster extends Omit<ClusterAddress, 'toolHost'> {
  /** As Cluster.kafkaTool. */
  readonly kafkaTool: (mainClass: string, args: readonly string[]) => Promise<string>;
}

/** Reads the addresses that global-setup.ts has put into the environment. Throws outside the Jest project `kafka`. */
export function currentCluster(env: NodeJS.ProcessEnv = process.env): CurrentCluster {
  const clusters = JSON.parse(env['TEST_CLUSTERS'] ?? '[]') as ClusterAddress[];
  const cluster = clusters[(Number(env['JEST_WORKER_ID'] ?? 1) - 1) % clusters.length];
  if (cluster === undefined) throw new Error('no cluster: TEST_CLUSTERS is set by test/support/global-setup.ts');
  const { bootstrap, registryUrl, toolHost } = cluster;
  return { bootstrap, registryUrl, kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args) };
}
