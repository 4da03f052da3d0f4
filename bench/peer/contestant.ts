/** The two sides of the comparison, as the measurements see them. */
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { deploy, type Deployment } from '../lib/deployment.js';
import { MeasuredProcessor } from '../lib/measured-processor.js';

/** One process of a contestant. */
export interface ContestantProcess {
  readonly pid: number;
  /** The folder of its state. */
  readonly stateDir: string;
  /** Throws if it has ended. */
  mustRun(): void;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<unknown>;
  /** Asks it to end, waits for that, and removes its state. */
  stopAndRemove(): Promise<void>;
}

/** A contestant with topics of its own, but for the input if it is shared. */
export interface Installed {
  /** Its applicationId is the consumer group. */
  readonly deployment: Deployment;
  readonly changelog: string;
  /** @param stateDir the folder of a former process; a new folder by default */
  start(stateDir?: string): ContestantProcess;
}

export interface Contestant {
  readonly name: string;
  /** @param inputTopic the input that another deployment has filled; a new one by default */
  install(cluster: Cluster, partitions: number, inputTopic?: string): Promise<Installed>;
}

/**
 * @param build the folder of the built processor
 * @param commitInterval COMMIT_INTERVAL; the default of the processor if it is null
 */
export function companySync(build: string, commitInterval: string | null): Contestant {
  return {
    name: commitInterval === null ? 'company-sync' : `company-sync, ${commitInterval}`,
    install: async (cluster, partitions, inputTopic) => {
      const deployed = await deployFor(cluster, build, partitions, inputTopic);
      const env = commitInterval === null ? {} : { COMMIT_INTERVAL: commitInterval };
      const deployment = { ...deployed, env: { ...deployed.env, ...env } };
      return {
        deployment,
        changelog: deployment.topics.state,
        start: (stateDir) => new MeasuredProcessor(deployment, build, [], stateDir),
      };
    },
  };
}

/** Makes topics and schemas for either contestant, so that both work on topics with the same settings. */
export function deployFor(
  cluster: Cluster,
  build: string,
  partitions: number,
  inputTopic: string | undefined,
): Promise<Deployment> {
  return deploy(cluster, inputTopic === undefined ? { partitions, build } : { partitions, build, inputTopic });
}
