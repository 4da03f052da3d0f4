/** What a bench runs on: a cluster, and deployments of the processor with names of their own in it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../../testkit/cluster/cluster.js';

const REPOSITORY = join(import.meta.dirname, '..', '..');
export const SCHEMAS_FOLDER = join(REPOSITORY, 'schemas');
export const OWN_BUILD = join(REPOSITORY, 'dist');

export interface Deployment {
  readonly applicationId: string;
  readonly topics: {
    readonly events: string;
    readonly settings: string;
    readonly synchronized: string;
  };
  /** The processor's settings but for those of one instance. */
  readonly env: NodeJS.ProcessEnv;
}

export interface DeploymentOptions {
  readonly partitions: number;
  /** The folder that the processor was built into. */
  readonly build: string;
  /** The input, where another deployment has one to share; a new one without it. */
  readonly inputTopic?: string;
}

/** Names a new deployment, creates what is missing of its topics and registers its schemas. */
export async function deploy(cluster: Cluster, options: DeploymentOptions): Promise<Deployment> {
  const id = randomBytes(4).toString('hex');
  const applicationId = `bench-${id}`;
  const topics = {
    events: options.inputTopic ?? `bench-events-${id}`,
    settings: `bench-settings-${id}`,
    synchronized: `bench-synchronized-${id}`,
  };
  const deployment = {
    ...{ applicationId, topics },
    env: {
      ...process.env,
      KAFKA_BROKERS: cluster.bootstrap,
      SCHEMA_REGISTRY_URL: cluster.registryUrl,
      APPLICATION_ID: applicationId,
      TOPIC_SYNC_EVENTS: topics.events,
      TOPIC_CLIENT_SETTINGS: topics.settings,
      TOPIC_COMPANY_SYNCHRONIZED: topics.synchronized,
      TOPIC_DEAD_LETTER: `bench-dead-letters-${id}`,
      TOPIC_COMPANY_SYNC_STALLED: `bench-stalled-${id}`,
    },
  };
  const run = async (...words: readonly string[]): Promise<void> => {
    await promisify(execFile)(process.execPath, [join(options.build, 'main.js'), ...words], { env: deployment.env });
  };
  await Promise.all([run('schemas', 'register'), run('topics', 'create', '--partitions', String(options.partitions))]);
  return deployment;
}
