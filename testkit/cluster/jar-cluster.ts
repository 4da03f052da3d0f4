import { join } from 'node:path';
import type { BrokerAddresses } from './broker-config.js';
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
import { KAFKA_VERSION, registryReleases } from './versions.js';

/**
 * The number of attempts. Another process may take a port between our check and the broker's start. Then all brokers
 * are started again on other ports.
 */
const MAX_ATTEMPTS = 3;

/** The place and the addresses of a broker. */
export interface BrokerPlace {
  readonly addresses: BrokerAddresses;
  /** See JarBrokerInput. */
  readonly within?: readonly string[];
}

/** The resolved files, and the Java that runs them. */
interface Programs {
  readonly java: Java;
  readonly jars: string;
  readonly registry: { readonly app: string; readonly launch: readonly string[] } | undefined;
}

/** Starts a cluster of Java processes from jars that Maven resolves once. `javas` has the newest first. */
export async function startJarCluster(options: ClusterOptions, javas: readonly [Java, ...Java[]]): Promise<Cluster> {
  const programs = await resolvePrograms(options, javas);
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options, programs, await freeLocalPlaces(options.brokers ?? 1));
    } catch (error) {
      if (tries === MAX_ATTEMPTS || !String(error).includes('Address already in use')) throw error;
    }
  }
}

/**
 * Starts such a cluster, with its brokers in the given folders and at the given addresses. `options.brokers` has no
 * effect.
 */
export async function startJarClusterAt(
  places: readonly BrokerPlace[],
  options: ClusterOptions,
  javas: readonly [Java, ...Java[]],
): Promise<Cluster> {
  return startOnce(options, await resolvePrograms(options, javas), places);
}

async function resolvePrograms(options: ClusterOptions, javas: readonly [Java, ...Java[]]): Promise<Programs> {
  const onProgress = options.onProgress ?? (() => undefined);
  const cache = cacheDir(process.env);
  const [java] = javas;
  const jars = await kafkaJars(cache, kafkaVersionOf(options), onProgress);
  const release = registryReleases.find((candidate) => candidate.java <= java.release);
  if (release === undefined) throw new Error(`no release of the registry runs on Java ${java.release}`);
  const { version, launch } = release;
  const registry =
    options.registry === false ? undefined : { app: await registryApp(cache, version, onProgress), launch };
  return { java, jars, registry };
}

function kafkaVersionOf({ kafkaVersion = KAFKA_VERSION }: ClusterOptions): string {
  return kafkaVersion;
}

async function freeLocalPlaces(count: number): Promise<BrokerPlace[]> {
  const taken = new Set<number>();
  const places: BrokerPlace[] = [];
  for (let id = 1; id <= count; id++) {
    const client = `127.0.0.1:${await freePort(taken)}`;
    places.push({ addresses: { client, controller: `127.0.0.1:${await freePort(taken)}` } });
  }
  return places;
}

async function startOnce(
  options: ClusterOptions,
  programs: Programs,
  places: readonly BrokerPlace[],
): Promise<Cluster> {
  const version = kafkaVersionOf(options);
  options.onProgress?.(`starting Kafka ${version} with Java ${programs.java.release}, brokers: ${places.length}`);
  const java = programs.java.path;
  const { jars } = programs;
  const addresses = places.map((place) => place.addresses);
  const portsInUse = new Set(addresses.flatMap(portsOf));
  const registryPorts = { http: await freePort(portsInUse), management: await freePort(portsInUse) };
  const folder = await clusterFolder(options.dir);
  const profile = options.profile ?? 'test';
  const overrides = options.brokerConfig ?? {};
  // A folder that the caller named may contain the data of an earlier run.
  const clusterId = (await clusterIdOf(join(folder.path, 'broker-1/data/meta.properties'))) ?? newClusterId();
  const brokers = places.map(({ within = [] }, index) => {
    const dir = join(folder.path, `broker-${index + 1}`);
    return new JarBroker({ id: index + 1, addresses, dir, profile, overrides, java, jars, clusterId, within });
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

function portsOf({ client, controller }: BrokerAddresses): number[] {
  return [client, controller].map((address) => Number(address.split(':')[1]));
}
