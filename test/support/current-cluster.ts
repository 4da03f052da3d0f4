import type { ToolHost } from '../../testkit/cluster/cluster.js';
import { runKafkaTool } from '../../testkit/cluster/kafka-tool.js';

/** Where a cluster is, for another process. */
export interface ClusterAddress {
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API. */
  readonly registryUrl: string;
  readonly toolHost: ToolHost;
}

/** The cluster that the run's global set-up started for this worker: for all tests that do not break it. */
export interface CurrentCluster extends Omit<ClusterAddress, 'toolHost'> {
  /** As Cluster.kafkaTool. */
  readonly kafkaTool: (mainClass: string, args: readonly string[]) => Promise<string>;
}

/** Reads what global-setup.ts left in the environment; throws outside the jest project `kafka`. */
export function currentCluster(env: NodeJS.ProcessEnv = process.env): CurrentCluster {
  const clusters = JSON.parse(env['TEST_CLUSTERS'] ?? '[]') as ClusterAddress[];
  const cluster = clusters[(Number(env['JEST_WORKER_ID'] ?? 1) - 1) % clusters.length];
  if (cluster === undefined) throw new Error('no cluster: TEST_CLUSTERS is set by test/support/global-setup.ts');
  const { bootstrap, registryUrl, toolHost } = cluster;
  return { bootstrap, registryUrl, kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args) };
}
