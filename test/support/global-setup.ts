import { require as tsxRequire } from 'tsx/cjs/api';
import type { Cluster } from './cluster/cluster.js';
import type * as startClusterModule from './cluster/start-cluster.js';

declare global {
  /** Handed from here to global-teardown.ts, which Jest loads apart. */
  var clusterOfThisRun: Cluster | undefined;
}

// Jest transforms this file alone, without its moduleNameMapper, so that an import of `./x.js` would not find x.ts.
const { startCluster } = tsxRequire('./cluster/start-cluster.ts', __filename) as typeof startClusterModule;

/** One Kafka and one registry for all test files of a run; test processes find them with currentCluster(). */
export default async function globalSetup(): Promise<void> {
  const cluster = await startCluster({ onProgress: (line) => process.stderr.write(`${line}\n`) });
  globalThis.clusterOfThisRun = cluster;
  process.env['TEST_KAFKA_BROKERS'] = cluster.bootstrap;
  process.env['TEST_SCHEMA_REGISTRY_URL'] = cluster.registryUrl;
  process.env['TEST_KAFKA_TOOL_HOST'] = JSON.stringify(cluster.toolHost);
}
