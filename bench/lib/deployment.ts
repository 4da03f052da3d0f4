/** The cluster of a bench, and deployments of the processor in it, each with its own names. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { REPOSITORY, SCHEMAS_FOLDER } from '../../testkit/command.js';
import * as testkit from '../../testkit/deployment.js';

export { SCHEMAS_FOLDER };
export const OWN_BUILD = join(REPOSITORY, 'dist');

/** The default of the processor. By this value, ALL_DATASETS judges records that are stamped now. */
const ALL_DATASETS_FROM = '2023-10-10T00:00:00Z';

export interface Deployment extends testkit.Deployment {
  /** The processor's settings, except those that differ between instances. */
  readonly env: NodeJS.ProcessEnv;
}

export interface DeploymentOptions {
  readonly partitions: number;
  /** The folder of the built processor. */
  readonly build: string;
  /** The input of another deployment, if it is shared; a new input by default. */
  readonly inputTopic?: string;
}

/** Names a new deployment, creates its missing topics and registers its schemas. */
export async function deploy(cluster: Cluster, options: DeploymentOptions): Promise<Deployment> {
  const id = randomBytes(4).toString('hex');
  const topics = {
    events: options.inputTopic ?? `bench-events-${id}`,
    settings: `bench-settings-${id}`,
    synchronized: `bench-synchronized-${id}`,
    deadLetters: `bench-dead-letters-${id}`,
    stalled: `bench-stalled-${id}`,
    failed: `bench-failed-${id}`,
  };
  const names = { applicationId: `bench-${id}`, topics };
  const described = testkit.deploymentOf(cluster, names, { ALL_DATASETS_FROM }, options.partitions);
  const deployment = { ...described, env: { ...process.env, ...described.environment } };
  const run = async (...words: readonly string[]): Promise<void> => {
    await promisify(execFile)(process.execPath, [join(options.build, 'main.js'), ...words], { env: deployment.env });
  };
  await Promise.all([run('schemas', 'register'), run('topics', 'create', '--partitions', String(options.partitions))]);
  return deployment;
}
