/** The processor's command, and the settings that the demo runs it with. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';

export const REPOSITORY = join(import.meta.dirname, '..');
export const SCHEMAS_FOLDER = join(REPOSITORY, 'schemas');
const COMMAND = join(REPOSITORY, 'dist', 'main.js');

export interface Deployment {
  readonly bootstrap: string;
  readonly registryUrl: string;
  readonly applicationId: string;
  readonly eventNamespace: string;
  readonly topics: {
    readonly events: string;
    readonly synchronized: string;
    readonly deadLetters: string;
    readonly settings: string;
    readonly stalled: string;
  };
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** The processor's environment, but for what each instance has of its own. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * How long before the demo ALL_DATASETS_FROM lies. Not the real date: records stamped years ago would be in log segments
 * that retention deletes at once.
 */
const DATE_BEFORE_START_MS = 3_600_000;

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
  const allDatasetsFrom = startedAt - DATE_BEFORE_START_MS;
  return {
    bootstrap: cluster.bootstrap,
    registryUrl: cluster.registryUrl,
    applicationId,
    eventNamespace: applicationId,
    topics,
    allDatasetsFrom,
    env: {
      ...env,
      KAFKA_BROKERS: cluster.bootstrap,
      SCHEMA_REGISTRY_URL: cluster.registryUrl,
      APPLICATION_ID: applicationId,
      EVENT_NAMESPACE: applicationId,
      TOPIC_SYNC_EVENTS: topics.events,
      TOPIC_COMPANY_SYNCHRONIZED: topics.synchronized,
      TOPIC_DEAD_LETTER: topics.deadLetters,
      TOPIC_CLIENT_SETTINGS: topics.settings,
      TOPIC_COMPANY_SYNC_STALLED: topics.stalled,
      ALL_DATASETS_FROM: new Date(allDatasetsFrom).toISOString(),
    },
  };
}

/** Runs a command of the processor, such as `topics create`, to its end; rejects with what it said if it fails. */
export async function runCommand(deployment: Deployment, ...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, processorArguments(...args), { env: deployment.env });
}

/** The arguments of Node for a command of the processor. */
export function processorArguments(...args: string[]): string[] {
  return [COMMAND, ...args];
}
