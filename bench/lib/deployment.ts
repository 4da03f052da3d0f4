/** What a bench runs on: a cluster, and deployments of the processor with names of their own in it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { REPOSITORY, SCHEMAS_FOLDER } from '../../testkit/command.js';
import * as testkit from '../../testkit/deployment.js';

export { SCHEMAS_FOLDER };
export const OWN_BUILD = join(REPOSITORY, 'dist');

/** The default of the processor: records stamped now are judged by ALL_DATASETS. */
const ALL_DATASETS_FROM = '2023-10-10T00:00:00Z';

export interface Deployment extends testkit.Deployment {
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
  const topics = {
    events: options.inputTopic ?? `bench-events-${id}`,
    settings: `bench-settings-${id}`,
    synchronized: `bench-synchronized-${id}`,
    deadLetters: `bench-dead-letters-${id}`,
    stalled: `bench-stalled-${id}`,
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
