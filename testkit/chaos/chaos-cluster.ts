/** Three brokers and a registry, and the kinds of faults that are impossible on this machine. */
import { spawnSync } from 'node:child_process';
import type { Cluster, ClusterOptions } from '../cluster/cluster.js';
import {
  indivisible,
  LEADERS_RETURN_SOON,
  startDivisibleCluster,
  type DivisibleCluster,
} from '../cluster/divisible-cluster.js';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { BROKERS, type FaultKind } from './schedule.js';

export interface ChaosCluster extends Cluster {
  /** Only if the network between the brokers can be cut. */
  readonly network?: DivisibleCluster['network'];
}

/** Why a kind of fault cannot be made on this machine. */
export function impossibleHere(): ReadonlyMap<FaultKind, string> {
  const impossible = new Map<FaultKind, string>();
  const whole = indivisible();
  if (whole !== null) for (const kind of ['broker cut off', 'brokers cut apart'] as const) impossible.set(kind, whole);
  const { error } = spawnSync('prlimit', ['--version']);
  if (error !== undefined) impossible.set('disk full', `prlimit(1) could not be run: ${error.message}`);
  return impossible;
}

/** From jars if the network between its brokers can be cut, otherwise as `startOwnCluster`. */
export function startChaosCluster(
  options: Pick<ClusterOptions, 'kafkaVersion' | 'dir' | 'onProgress'>,
  impossible: ReadonlyMap<FaultKind, string>,
): Promise<ChaosCluster> {
  return impossible.has('broker cut off')
    ? startOwnCluster({ ...options, brokers: BROKERS, brokerConfig: LEADERS_RETURN_SOON })
    : startDivisibleCluster(options);
}
