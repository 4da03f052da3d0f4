import type { ToolHost } from './cluster.js';
import { runKafkaTool } from './kafka-tool.js';

/** The cluster that the run's global set-up started: one for all tests that do not break it. */
export interface CurrentCluster {
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API. */
  readonly registryUrl: string;
  /** As Cluster.kafkaTool. */
  readonly kafkaTool: (mainClass: string, args: readonly string[]) => Promise<string>;
}

/** Reads what global-setup.ts left in the environment; throws outside the jest project `kafka`. */
export function currentCluster(env: NodeJS.ProcessEnv = process.env): CurrentCluster {
  const bootstrap = env['TEST_KAFKA_BROKERS'];
  const registryUrl = env['TEST_SCHEMA_REGISTRY_URL'];
  if (bootstrap === undefined || registryUrl === undefined) {
    throw new Error(
      'no cluster: TEST_KAFKA_BROKERS and TEST_SCHEMA_REGISTRY_URL are set by test/support/global-setup.ts',
    );
  }
  const toolHost = JSON.parse(env['TEST_KAFKA_TOOL_HOST'] ?? '{"kind":"jars"}') as ToolHost;
  return { bootstrap, registryUrl, kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args) };
}
