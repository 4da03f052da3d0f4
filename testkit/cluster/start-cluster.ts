import type { Cluster, ClusterOptions } from './cluster.js';
import { startDockerCluster } from './docker-cluster.js';
import { dockerAnswers } from './docker-engine.js';
import { findJavas } from './find-java.js';
import { givenCluster } from './given-cluster.js';
import { startJarCluster } from './jar-cluster.js';
import { nothingToRunKafka } from './what-to-install.js';

/**
 * Returns a real Kafka and schema registry that are ready. If KAFKA_BROKERS and SCHEMA_REGISTRY_URL are both set, it
 * uses that cluster: `options` then have no effect, and there are no handles. Otherwise it starts a cluster of its own.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { KAFKA_BROKERS: bootstrap, SCHEMA_REGISTRY_URL: registryUrl } = process.env;
  return bootstrap && registryUrl ? givenCluster(bootstrap, registryUrl) : startOwnCluster(options);
}

/**
 * Starts a real Kafka that nobody else uses, and a real schema registry unless `options.registry` is false. It uses
 * Docker if an engine answers, otherwise jars. For tests that need other settings, or stop and kill brokers.
 */
export async function startOwnCluster(options: ClusterOptions = {}): Promise<Cluster> {
  if (await dockerAnswers()) return startDockerCluster(options);
  const [newest, ...older] = await findJavas(process.env);
  if (newest === undefined) throw nothingToRunKafka('no Java of release 17 or later');
  return startJarCluster(options, [newest, ...older]);
}
