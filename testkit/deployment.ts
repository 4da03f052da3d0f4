/**
 * One deployment of the processor on a cluster that several deployments share. It has its own names, and the real
 * command creates its topics.
 */
import { randomUUID } from 'node:crypto';
import { commandArguments, runProgram, SCHEMAS_FOLDER, type Command } from './command.js';

/** Can be passed to `auditCluster`, together with `settingsInPlaceBefore`. */
export interface Deployment {
  /** Addresses of all brokers, comma-separated. */
  readonly bootstrap: string;
  /** Root of the registry's Confluent-compatible API. */
  readonly registryUrl: string;
  /** The repository's `schemas`. */
  readonly schemasFolder: string;
  readonly applicationId: string;
  readonly eventNamespace: string;
  readonly topics: {
    readonly events: string;
    readonly synchronized: string;
    readonly deadLetters: string;
    readonly settings: string;
    readonly stalled: string;
    readonly failed: string;
    /** The changelog. */
    readonly state: string;
  };
  /** Of every topic but the settings. */
  readonly partitions: number;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** The settings of the processor, by their environment variables: all except STATE_DIR and HTTP_PORT. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface DeploymentOptions {
  /** 3 by default. */
  readonly partitions?: number;
  /** Further settings of the processor, which override those made here. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The command of the release that creates topics and schemas; this tree's by default. */
  readonly command?: Command;
}

type ClusterAddresses = Pick<Deployment, 'bootstrap' | 'registryUrl'>;

export interface DeploymentNames {
  readonly applicationId: string;
  /** Of every topic but the changelog, whose name follows from the application id. */
  readonly topics: Omit<Deployment['topics'], 'state'>;
}

/**
 * ALL_DATASETS_FROM is this long ago. So tests can write records from before that date which retention does not remove
 * yet.
 */
const DATE_BEFORE_NOW_MS = 3_600_000;

/**
 * Describes a deployment with these names. Creates nothing.
 *
 * @param settings further settings of the processor, which override those that follow from the names
 */
export function deploymentOf(
  { bootstrap, registryUrl }: ClusterAddresses,
  names: DeploymentNames,
  settings: Readonly<Record<string, string>> & { readonly ALL_DATASETS_FROM: string },
  partitions: number,
): Deployment {
  const { applicationId, topics } = names;
  const environment = {
    KAFKA_BROKERS: bootstrap,
    SCHEMA_REGISTRY_URL: registryUrl,
    APPLICATION_ID: applicationId,
    TOPIC_SYNC_EVENTS: topics.events,
    TOPIC_COMPANY_SYNCHRONIZED: topics.synchronized,
    TOPIC_DEAD_LETTER: topics.deadLetters,
    TOPIC_CLIENT_SETTINGS: topics.settings,
    TOPIC_COMPANY_SYNC_STALLED: topics.stalled,
    TOPIC_COMPANY_SYNC_FAILED: topics.failed,
    ...settings,
  };
  return {
    bootstrap,
    registryUrl,
    applicationId,
    environment,
    partitions,
    topics: { ...topics, state: `${applicationId}-company-state` },
    schemasFolder: SCHEMAS_FOLDER,
    eventNamespace: settings['EVENT_NAMESPACE'] ?? applicationId,
    allDatasetsFrom: Date.parse(environment.ALL_DATASETS_FROM),
  };
}

/** Chooses the names of a deployment. Creates nothing. */
export function describeDeployment(cluster: ClusterAddresses, options: DeploymentOptions = {}): Deployment {
  const id = randomUUID().slice(0, 8);
  const topics = {
    events: `events-${id}`,
    synchronized: `synchronized-${id}`,
    deadLetters: `dead-letters-${id}`,
    settings: `settings-${id}`,
    stalled: `stalled-${id}`,
    failed: `failed-${id}`,
  };
  const settings = { ALL_DATASETS_FROM: new Date(Date.now() - DATE_BEFORE_NOW_MS).toISOString(), ...options.settings };
  return deploymentOf(cluster, { applicationId: `app-${id}`, topics }, settings, options.partitions ?? 3);
}

/** Creates the missing topics, by `topics create`. */
export async function createTopics(deployment: Deployment, command: Command = commandArguments): Promise<void> {
  await succeed(command('topics', 'create', '--partitions', String(deployment.partitions)), deployment);
}

/** Registers the schemas, by `schemas register`. */
export async function registerSchemas(deployment: Deployment, command: Command = commandArguments): Promise<void> {
  await succeed(command('schemas', 'register'), deployment);
}

/** Creates a new deployment with its topics and schemas, ready to run. */
export async function deploy(cluster: ClusterAddresses, options: DeploymentOptions = {}): Promise<Deployment> {
  const deployment = describeDeployment(cluster, options);
  const { command } = options;
  await Promise.all([createTopics(deployment, command), registerSchemas(deployment, command)]);
  return deployment;
}

async function succeed(program: readonly string[], { environment }: Deployment): Promise<void> {
  const { exitCode, stdout, stderr } = await runProgram(program, { settings: environment });
  if (exitCode !== 0) throw new Error(`${program.join(' ')} exited with ${exitCode}:\n${stdout}${stderr}`);
}
