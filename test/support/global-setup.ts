import { require as tsxRequire } from 'tsx/cjs/api';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import type { ClusterAddress } from './current-cluster.js';
import type * as startClusterModule from '../../testkit/cluster/start-cluster.js';

declare global {
  /** Passed from here to global-teardown.ts, which Jest loads separately. */
  var clustersOfThisRun: Cluster[] | undefined;
}

// Jest transforms this file without its moduleNameMapper, so an import of `./x.js` would not find x.ts.
const { startCluster } = tsxRequire('../../testkit/cluster/start-cluster.ts', __filename) as typeof startClusterModule;

/**
 * One Kafka and one registry for each Jest worker, which runs one test file at a time. Tests need that, because they
 * guess the next schema id and read whole topics. Test processes find their cluster with currentCluster().
 */
export default async function globalSetup({ maxWorkers }: { readonly maxWorkers: number }): Promise<void> {
  const onProgress = (line: string) => void process.stderr.write(`${line}\n`);
  const first = await startCluster({ onProgress });
  const clusters = (globalThis.clustersOfThisRun = [first]);
  // If the environment names a cluster, all workers use it.
  const more = first.kind === 'given' ? 0 : maxWorkers - 1;
  clusters.push(...(await Promise.all(Array.from({ length: more }, () => startCluster({ onProgress })))));
  process.env['TEST_CLUSTERS'] = JSON.stringify(
    clusters.map(({ bootstrap, registryUrl, toolHost }): ClusterAddress => ({ bootstrap, registryUrl, toolHost })),
  );
}
