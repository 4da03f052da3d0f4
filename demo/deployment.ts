/** The processor's command, and the settings that the demo runs it with. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { commandArguments, REPOSITORY, SCHEMAS_FOLDER } from '../testkit/command.js';
import * as testkit from '../testkit/deployment.js';

export { REPOSITORY, SCHEMAS_FOLDER };

export interface Deployment extends testkit.Deployment {
  /** The processor's environment, but for what each instance has of its own. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * How long before the demo ALL_DATASETS_FROM lies. Not the real date: records stamped years ago would be in log segments
 * that retention deletes at once.
 */
const DATE_BEFORE_START_MS = 3_600_000;
/** Of `topics create` without --partitions. */
const DEFAULT_PARTITIONS = 12;

/** @param startedAt milliseconds since the epoch */
export function describeDeployment(cluster: Cluster, startedAt: number, env: NodeJS.ProcessEnv): Deployment {
  // In a cluster that is not ours alone, each run has topics and a group of its own.
  const suffix = cluster.kind === 'given' ? `-demo-${randomBytes(4).toString('hex')}` : '';
  const applicationId = `company-sync${suffix}`;
  const topics = {
    events: `sync-events${suffix}`,
    synchronized: `company-synchronized${suffix}`,
    deadLetters: `sync-events-dead-letter${suffix}`,
    settings: `client-settings${suffix}`,
    stalled: `company-sync-stalled${suffix}`,
  };
  const settings = {
    EVENT_NAMESPACE: applicationId,
    ALL_DATASETS_FROM: new Date(startedAt - DATE_BEFORE_START_MS).toISOString(),
  };
  const deployment = testkit.deploymentOf(cluster, { applicationId, topics }, settings, DEFAULT_PARTITIONS);
  return { ...deployment, env: { ...env, ...deployment.environment } };
}

/** Runs a command of the processor, such as `topics create`, to its end; rejects with what it said if it fails. */
export async function runCommand(deployment: Deployment, ...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, commandArguments(...args), { env: deployment.env });
}
