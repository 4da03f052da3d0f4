import type { StartedTestContainer } from 'testcontainers';
import type { Cluster, ClusterOptions } from './cluster.js';
import { allBrokersKnown } from './cluster-answers.js';
import { newClusterId } from './cluster-id.js';
import { ContainerBroker } from './container-broker.js';
import { ContainerRegistry } from './container-registry.js';
import { freePort } from './free-port.js';
import { runKafkaTool } from './kafka-tool.js';
import { KAFKA_VERSION } from './versions.js';

/** A cluster of containers, which testcontainers' reaper removes even if this process is killed. */
export async function startDockerCluster(options: ClusterOptions): Promise<Cluster> {
  // Loaded only here and in the code that creates containers: it is large, and other kinds of clusters do not need it.
  const { Network, getContainerRuntimeClient } = await import('testcontainers');
  const runtime = await getContainerRuntimeClient();
  const engineHost = runtime.info.containerRuntime.host;
  const host = engineHost === 'localhost' ? '127.0.0.1' : engineHost;
  const brokers = options.brokers ?? 1;
  const clusterId = newClusterId();
  const taken = new Set<number>();
  const brokerPorts: number[] = [];
  for (let id = 1; id <= brokers; id++) brokerPorts.push(await freePort(taken));
  const registryPort = await freePort(taken);

  const kafkaVersion = options.kafkaVersion ?? KAFKA_VERSION;
  options.onProgress?.(`starting Kafka ${kafkaVersion} in Docker, brokers: ${brokers}; its image is pulled once`);
  const network = await new Network().start();
  const containers: StartedTestContainer[] = [];
  const onContainer = (container: StartedTestContainer): number => containers.push(container);
  const profile = options.profile ?? 'test';
  const overrides = options.brokerConfig ?? {};
  const startingBrokers = brokerPorts.map((port, index) =>
    ContainerBroker.run(
      { id: index + 1, brokers, clusterId, host, port, profile, overrides, network, kafkaVersion },
      onContainer,
    ),
  );
  const startingRegistry =
    options.registry === false ? undefined : ContainerRegistry.run({ host, port: registryPort }, onContainer);
  const stop = async (): Promise<void> => {
    await Promise.allSettled([...startingBrokers, startingRegistry]);
    await Promise.all(containers.map((container) => container.stop({ timeout: 0 })));
    await network.stop();
  };
  try {
    const [started, registry] = await Promise.all([Promise.all(startingBrokers), startingRegistry]);
    await allBrokersKnown(started);
    const bootstrap = started.map(({ address }) => address).join(',');
    const inside = started.map(({ addressInside }) => addressInside).join(',');
    const toolHost = { kind: 'container', id: started[0]?.containerId ?? '', bootstrap: inside } as const;
    return {
      kind: 'docker',
      bootstrap,
      registryUrl: registry?.url ?? '',
      brokers: started,
      registry,
      toolHost,
      kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
