import type { Cluster, ClusterOptions } from './cluster.js';
import { startDockerCluster } from './docker-cluster.js';
import { dockerAnswers } from './docker-engine.js';
import { findJavas } from './find-java.js';
import { givenCluster } from './given-cluster.js';
import { startJarCluster } from './jar-cluster.js';
import { nothingToRunKafka } from './what-to-install.js';

/**
 * A real Kafka and schema registry, ready to serve: the one that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name where both
 * are set (`options` then mean nothing, and there are no handles), else one of its own.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { KAFKA_BROKERS: bootstrap, SCHEMA_REGISTRY_URL: registryUrl } = process.env;
  return bootstrap && registryUrl ? givenCluster(bootstrap, registryUrl) : startOwnCluster(options);
}

/**
 * A real Kafka, and a real schema registry unless `options.registry` is false, that nobody else uses: in Docker where an
 * engine answers, else from jars. For whoever needs other settings, or stops and kills brokers.
 */
export async function startOwnCluster(options: ClusterOptions = {}): Promise<Cluster> {
  if (await dockerAnswers()) return startDockerCluster(options);
  const [newest, ...older] = await findJavas(process.env);
  if (newest === undefined) throw nothingToRunKafka('no Java of release 17 or later');
  return startJarCluster(options, [newest, ...older]);
}
