import type { StartedTestContainer } from 'testcontainers';
import type { Registry } from './cluster.js';
import { CONFLUENT_API_PATH, registryAnswers } from './cluster-answers.js';
import { ContainerNode } from './container-node.js';
import { registryReleases } from './versions.js';

export interface ContainerRegistryInput {
  /** Of the engine. */
  readonly host: string;
  /** A free one of the engine's host, the registry's for good. */
  readonly port: number;
}

const PORT_INSIDE = 8080;
const FIRST_START_TIMEOUT_MS = 300_000;

export class ContainerRegistry extends ContainerNode implements Registry {
  readonly url: string;

  private constructor(url: string, containerId: string) {
    super({ name: 'registry', containerId, answers: () => registryAnswers(url) });
    this.url = url;
  }

  /** `onContainer` gets the container as soon as there is one to remove. */
  static async run(
    { host, port }: ContainerRegistryInput,
    onContainer: (container: StartedTestContainer) => void,
  ): Promise<ContainerRegistry> {
    const { GenericContainer } = await import('testcontainers');
    const container = await new GenericContainer(`apicurio/apicurio-registry:${registryReleases[0].version}`)
      // A file in the container's own layer: unlike the default, memory, it outlives a stop.
      .withEnvironment({ APICURIO_DATASOURCE_URL: 'jdbc:h2:file:/tmp/schemas', QUARKUS_LOG_LEVEL: 'WARN' })
      .withExposedPorts({ container: PORT_INSIDE, host: port })
      .withStartupTimeout(FIRST_START_TIMEOUT_MS)
      .start();
    onContainer(container);
    const registry = new ContainerRegistry(`http://${host}:${port}${CONFLUENT_API_PATH}`, container.getId());
    await registry.serves();
    return registry;
  }
}
