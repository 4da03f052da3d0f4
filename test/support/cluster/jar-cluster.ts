import { join } from 'node:path';
import type { BrokerPorts } from './broker-config.js';
import type { Cluster, ClusterOptions } from './cluster.js';
import { allBrokersKnown } from './cluster-answers.js';
import { clusterFolder } from './cluster-folder.js';
import { clusterIdOf, newClusterId } from './cluster-id.js';
import type { Java } from './find-java.js';
import { freePort } from './free-port.js';
import { JarBroker } from './jar-broker.js';
import { JarRegistry } from './jar-registry.js';
import { runKafkaTool } from './kafka-tool.js';
import { cacheDir, kafkaJars, registryApp } from './maven-artifacts.js';
import { kafkaVersion, registryReleases } from './versions.js';

/** Another process may take a port between our look at it and the broker's; then all is started anew elsewhere. */
const mostTries = 3;

/** What Maven resolved, and what runs it. */
interface Programs {
  readonly java: Java;
  readonly jars: string;
  readonly registry: { readonly app: string; readonly launch: readonly string[] } | undefined;
}

/** A cluster of Java processes from jars that Maven resolves once. `javas` are newest first. */
export async function startJarCluster(options: ClusterOptions, javas: readonly [Java, ...Java[]]): Promise<Cluster> {
  const onProgress = options.onProgress ?? (() => undefined);
  const cache = cacheDir(process.env);
  const [java] = javas;
  const jars = await kafkaJars(cache, onProgress);
  const release = registryReleases.find((candidate) => candidate.java <= java.release);
  if (release === undefined) throw new Error(`no release of the registry runs on Java ${java.release}`);
  const { version, launch } = release;
  const registry =
    options.registry === false ? undefined : { app: await registryApp(cache, version, onProgress), launch };
  for (let tries = 1; ; tries++) {
    try {
      onProgress(`starting Kafka ${kafkaVersion} with Java ${java.release}, brokers: ${options.brokers ?? 1}`);
      return await startOnce(options, { java, jars, registry });
    } catch (error) {
      if (tries === mostTries || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function startOnce(options: ClusterOptions, programs: Programs): Promise<Cluster> {
  const java = programs.java.path;
  const { jars } = programs;
  const taken = new Set<number>();
  const ports: BrokerPorts[] = [];
  for (let id = 1; id <= (options.brokers ?? 1); id++) {
    ports.push({ client: await freePort(taken), controller: await freePort(taken) });
  }
  const registryPorts = { http: await freePort(taken), management: await freePort(taken) };
  const folder = await clusterFolder(options.dir);
  const profile = options.profile ?? 'test';
  const overrides = options.brokerConfig ?? {};
  // A folder that the caller named may hold the data of an earlier run.
  const clusterId = (await clusterIdOf(join(folder.path, 'broker-1/data/meta.properties'))) ?? newClusterId();
  const brokers = ports.map((_, index) => {
    const dir = join(folder.path, `broker-${index + 1}`);
    return new JarBroker({ id: index + 1, ports, dir, profile, overrides, java, jars, clusterId });
  });
  const registry =
    programs.registry === undefined
      ? undefined
      : new JarRegistry({ java, ...programs.registry, ports: registryPorts, dir: join(folder.path, 'registry') });
  const nodes = registry === undefined ? brokers : [...brokers, registry];
  const starting = nodes.map((node) => node.create());
  const stop = async (): Promise<void> => {
    await Promise.allSettled(starting);
    await Promise.all(nodes.map((node) => node.kill()));
    await folder.release();
  };
  try {
    await Promise.all(starting);
    await allBrokersKnown(brokers);
  } catch (error) {
    await stop();
    throw error;
  }
  const bootstrap = brokers.map(({ address }) => address).join(',');
  const toolHost = { kind: 'jars' } as const;
  return {
    kind: 'jars',
    bootstrap,
    registryUrl: registry?.url ?? '',
    brokers,
    registry,
    toolHost,
    kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args),
    stop,
  };
}
