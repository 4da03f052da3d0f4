import type { StartedTestContainer } from 'testcontainers';
import type { Registry } from './cluster.js';
import { CONFLUENT_API_PATH, registryAnswers } from './cluster-answers.js';
import { ContainerNode } from './container-node.js';
import { registryReleases } from './versions.js';

export interface ContainerRegistryInput {
  /** Of the engine. */
  readonly host: string;
  /** A free port of the engine's host. The registry keeps it. */
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

  /** Calls `onContainer` as soon as the container exists, so the caller can remove it. */
  static async run(
    { host, port }: ContainerRegistryInput,
    onContainer: (container: StartedTestContainer) => void,
  ): Promise<ContainerRegistry> {
    const { GenericContainer } = await import('testcontainers');
    const container = await new GenericContainer(`apicurio/apicurio-registry:${registryReleases[0].version}`)
      // A file in the container's own layer. It survives a stop; the default (memory) does not.
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
