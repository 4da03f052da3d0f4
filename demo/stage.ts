/** Starts and stops everything that runs during the demo, from the cluster to the processors. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { keepFolder, removeWithParent } from '../testkit/cluster/end-with-parent.js';
import { freePort } from '../testkit/cluster/free-port.js';
import { startCluster } from '../testkit/cluster/start-cluster.js';
import { describeDeployment, runCommand, type Deployment } from './deployment.js';
import { ProcessorInstance } from './processor-instance.js';
import type { Terminal } from './terminal.js';
import { Webhooks } from './webhooks.js';

const INSTANCE_NAMES = ['A', 'B'];

export class Stage {
  readonly cluster: Cluster;
  readonly deployment: Deployment;
  readonly instances: readonly ProcessorInstance[];
  /** State of the instances and all logs. */
  readonly folder: string;
  #webhooks: Webhooks | null = null;

  private constructor(cluster: Cluster, deployment: Deployment, instances: ProcessorInstance[], folder: string) {
    this.cluster = cluster;
    this.deployment = deployment;
    this.instances = instances;
    this.folder = folder;
  }

  /** Starts Kafka and registry, creates topics and registers schemas. Does not start the processors. */
  static async set(terminal: Terminal, env: NodeJS.ProcessEnv): Promise<Stage> {
    const cluster = await startCluster({ onProgress: (line) => terminal.say(line, 'dim') });
    const folder = await mkdtemp(join(tmpdir(), 'company-sync-demo-'));
    removeWithParent(folder);
    const deployment = describeDeployment(cluster, Date.now(), env);
    const stage = new Stage(cluster, deployment, await describeInstances(deployment, folder), folder);
    try {
      terminal.say(`Kafka at ${cluster.bootstrap}, schema registry at ${cluster.registryUrl} (${cluster.kind})`);
      await Promise.all([runCommand(deployment, 'topics', 'create'), runCommand(deployment, 'schemas', 'register')]);
      terminal.say('topics created, schemas registered');
      return stage;
    } catch (error) {
      await stage.clear();
      await stage.removeFolder();
      throw error;
    }
  }

  /** Rejects if a process of the stage ends although nobody has stopped it. */
  get failed(): Promise<never> {
    return Promise.race(this.instances.map(({ failed }) => failed));
  }

  /** Starts the customer's side, which runs until `clear`. The topics must exist. */
  async startWebhooks(): Promise<Webhooks> {
    return (this.#webhooks = await Webhooks.start(this.deployment));
  }

  kafka(clientId: string): Kafka {
    return new Kafka({ clientId, brokers: this.deployment.bootstrap.split(','), logLevel: logLevel.ERROR });
  }

  /** Ends all processes. */
  async clear(): Promise<void> {
    await Promise.all([...this.instances.map((instance) => instance.stop()), this.#webhooks?.stop()]);
    await this.cluster.stop();
  }

  async removeFolder(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    keepFolder(this.folder); // There is nothing left to remove.
  }

  /** Keeps the folder, so a person can find out what went wrong. Otherwise it is removed when this process ends. */
  leaveFolder(): void {
    keepFolder(this.folder);
  }
}

async function describeInstances(deployment: Deployment, folder: string): Promise<ProcessorInstance[]> {
  const taken = new Set<number>();
  const instances: ProcessorInstance[] = [];
  for (const name of INSTANCE_NAMES) {
    const stateDir = join(folder, `state-${name}`);
    await mkdir(stateDir, { recursive: true });
    const logFile = join(folder, `processor-${name}.log`);
    instances.push(new ProcessorInstance({ name, deployment, stateDir, logFile, httpPort: await freePort(taken) }));
  }
  return instances;
}
