/** The processor's command, and the settings that the demo runs it with. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { commandArguments, REPOSITORY, SCHEMAS_FOLDER } from '../testkit/command.js';
import * as testkit from '../testkit/deployment.js';

export { REPOSITORY, SCHEMAS_FOLDER };

export interface Deployment extends testkit.Deployment {
  /** The processor's environment, except the variables that differ between instances. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * ALL_DATASETS_FROM is this long before the start of the demo. It is not the real date, because retention would delete
 * records at once that are stamped years ago.
 */
const DATE_BEFORE_START_MS = 3_600_000;
/** The number of partitions that `topics create` uses without --partitions. */
const DEFAULT_PARTITIONS = 12;

/** @param startedAt milliseconds since the epoch */
export function describeDeployment(cluster: Cluster, startedAt: number, env: NodeJS.ProcessEnv): Deployment {
  // If others use the cluster too, each run has its own topics and its own group.
  const suffix = cluster.kind === 'given' ? `-demo-${randomBytes(4).toString('hex')}` : '';
  const applicationId = `company-sync${suffix}`;
  const topics = {
    events: `sync-events${suffix}`,
    synchronized: `company-synchronized${suffix}`,
    deadLetters: `sync-events-dead-letter${suffix}`,
    settings: `client-settings${suffix}`,
    stalled: `company-sync-stalled${suffix}`,
    failed: `company-sync-failed${suffix}`,
  };
  const settings = {
    EVENT_NAMESPACE: applicationId,
    ALL_DATASETS_FROM: new Date(startedAt - DATE_BEFORE_START_MS).toISOString(),
  };
  const deployment = testkit.deploymentOf(cluster, { applicationId, topics }, settings, DEFAULT_PARTITIONS);
  return { ...deployment, env: { ...env, ...deployment.environment } };
}

/** Runs a command of the processor, such as `topics create`, to its end. If it fails, rejects with its output. */
export async function runCommand(deployment: Deployment, ...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, commandArguments(...args), { env: deployment.env });
}
