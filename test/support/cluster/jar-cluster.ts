import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, ClusterOptions } from './cluster.js';
import { brokersAnswer } from './cluster-answers.js';
import { keepFolder, removeWithParent } from './end-with-parent.js';
import type { Java } from './find-java.js';
import { freePorts } from './free-ports.js';
import { JarBroker, newClusterId } from './jar-broker.js';
import { JarRegistry } from './jar-registry.js';
import { runKafkaTool } from './kafka-tool.js';
import { cacheDir, kafkaJars, kafkaVersion } from './maven-artifacts.js';
import { pollUntil } from './poll-until.js';

/** The brokers know each other within milliseconds of serving. */
const joinTimeoutMs = 30_000;

/** A cluster of Java processes from the jars that Maven resolves. `javas` is not empty, newest first. */
export async function startJarCluster(options: ClusterOptions, javas: readonly Java[]): Promise<Cluster> {
  const onProgress = options.onProgress ?? (() => undefined);
  const cache = cacheDir(process.env);
  const [newest] = javas;
  if (newest === undefined) throw new Error('no Java given');
  const jars = await kafkaJars(cache, onProgress);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'company-sync-cluster-')));
  if (options.dir === undefined) removeWithParent(dir);
  await mkdir(dir, { recursive: true });

  const count = options.brokers ?? 1;
  const ports = await freePorts(2 * count + 2);
  const brokerPorts = Array.from({ length: count }, (_, i) => ({
    client: at(ports, 2 * i),
    controller: at(ports, 2 * i + 1),
  }));
  const clusterId = newClusterId();
  const prepareBrokers = Promise.all(
    brokerPorts.map((_, index) =>
      JarBroker.prepare({
        id: index + 1,
        ports: brokerPorts,
        dir: join(dir, `broker-${index + 1}`),
        profile: options.profile ?? 'test',
        overrides: options.brokerConfig ?? {},
        java: newest.path,
        jars,
        clusterId,
      }),
    ),
  );
  const registryPorts = { http: at(ports, 2 * count), management: at(ports, 2 * count + 1) };
  const prepareRegistry =
    options.registry === false
      ? undefined
      : JarRegistry.prepare({ javas, cache, ports: registryPorts, dir: join(dir, 'registry'), onProgress });
  const [brokers, registry] = await Promise.all([prepareBrokers, prepareRegistry]);
  const nodes = registry === undefined ? brokers : [...brokers, registry];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()));
    if (options.dir === undefined) {
      await rm(dir, { recursive: true, force: true });
      keepFolder(dir);
    }
  };
  const bootstrap = brokers.map(({ address }) => address).join(',');
  onProgress(`starting Kafka ${kafkaVersion} (${count} broker${count === 1 ? '' : 's'}) with Java ${newest.release}`);
  try {
    await Promise.all(nodes.map((node) => node.start()));
    const ids = brokers.map(({ id }) => id);
    for (const { address, name } of brokers) {
      await pollUntil(() => brokersAnswer(address, ids), {
        what: `${name} knows all brokers`,
        timeoutMs: joinTimeoutMs,
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
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

function at(ports: readonly number[], index: number): number {
  const port = ports[index];
  if (port === undefined) throw new RangeError(`no port ${index}`);
  return port;
}
