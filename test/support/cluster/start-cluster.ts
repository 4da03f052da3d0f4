import type { Cluster, ClusterOptions } from './cluster.js';
import { findJavas } from './find-java.js';
import { startJarCluster } from './jar-cluster.js';

/** A real Kafka, and a real schema registry unless `registry` is false, ready to serve. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const javas = await findJavas(process.env);
  return startJarCluster(options, javas);
}
