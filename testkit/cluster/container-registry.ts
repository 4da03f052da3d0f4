import type { StartedTestContainer } from 'testcontainers';
import type { Registry } from './cluster.js';
import { confluentApiPath, registryAnswers } from './cluster-answers.js';
import { ContainerNode } from './container-node.js';
import { registryReleases } from './versions.js';

export interface ContainerRegistryInput {
  /** Of the engine. */
  readonly host: string;
  /** A free port of the engine's host. The registry keeps it. */
  readonly port: number;
}

const portInside = 8080;
const firstStartTimeoutMs = 300_000;

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
      .withExposedPorts({ container: portInside, host: port })
      .withStartupTimeout(firstStartTimeoutMs)
      .start();
    onContainer(container);
    const registry = new ContainerRegistry(`http://${host}:${port}${confluentApiPath}`, container.getId());
    await registry.serves();
    return registry;
  }
}
