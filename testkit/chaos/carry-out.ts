/** One fault on real processes, from its begin until it is healed. */
import type { Kafka } from 'kafkajs';
import { assertNever } from '../../src/lib/assert-never.js';
import type { Broker } from '../cluster/cluster.js';
import type { ChaosCluster } from './chaos-cluster.js';
import type { ChaosInstance } from './chaos-instance.js';
import { moveLeaders, type Leaders } from './move-leaders.js';
import { removeQuota, setQuota } from './quota.js';
import { after, type Fault, type FaultKind } from './schedule.js';

export interface Surroundings {
  readonly cluster: ChaosCluster;
  readonly instances: readonly ChaosInstance[];
  /** Of the client that moves leaders. */
  readonly kafka: Kafka;
  /** Has the quota: the client id of all instances. */
  readonly applicationId: string;
  /** Faults of these kinds are left out. */
  readonly impossible: ReadonlyMap<FaultKind, string>;
}

export interface Course {
  /** Resolves after this time, or at once when the run ends. */
  readonly pause: (ms: number) => Promise<void>;
  /** Whether the run has ended, and everything must be healed. */
  readonly isOver: () => boolean;
}

/** Resolves when it is healed. */
export async function carryOut(fault: Fault, surroundings: Surroundings, course: Course): Promise<void> {
  const { cluster, instances, kafka, applicationId } = surroundings;
  const { kind, target, forMs } = fault;
  const instance = instances[target] as ChaosInstance;
  const broker = cluster.brokers[target] as Broker;
  const during = () => course.pause(forMs);
  switch (kind) {
    case 'instance killed':
    case 'state lost':
      await kill(instance);
      if (kind === 'state lost') instance.loseState();
      await during();
      return instance.start();
    case 'instance frozen':
      instance.mustRun();
      instance.freeze();
      await during();
      return instance.wakeUp();
    case 'older state':
      return olderState(instance, during);
    case 'swapped state':
      return swappedState(instance, instances[after(target, instances.length)] as ChaosInstance, during);
    case 'disk full':
      instance.mustRun();
      await instance.fillDisk();
      await during();
      return instance.freeDisk();
    case 'broker killed':
      await broker.kill();
      await during();
      return broker.start();
    case 'broker frozen':
      await broker.pause();
      await during();
      return broker.resume();
    case 'brokers rolled':
      return rolled(cluster.brokers, fault, course);
    case 'broker cut off':
      cluster.network?.cutOff(broker.id);
      await during();
      return cluster.network?.heal(broker.id);
    case 'brokers cut apart': {
      const other = cluster.brokers[after(target, cluster.brokers.length)] as Broker;
      cluster.network?.cutApart(broker.id, other.id);
      await during();
      return cluster.network?.joinAgain(broker.id, other.id);
    }
    case 'group coordinator moved':
      return movedAndBack(kafka, '__consumer_offsets', during);
    case 'transaction coordinators moved':
      return movedAndBack(kafka, '__transaction_state', during);
    case 'registry down':
      await cluster.registry?.kill();
      await during();
      return cluster.registry?.start();
    case 'quota':
      await setQuota(cluster.brokers, applicationId);
      await during();
      return removeQuota(cluster.brokers, applicationId);
    default:
      assertNever(kind);
  }
}

async function kill(instance: ChaosInstance): Promise<void> {
  instance.mustRun();
  await instance.kill();
}

async function olderState(instance: ChaosInstance, during: () => Promise<void>): Promise<void> {
  await kill(instance);
  instance.copyState();
  instance.start();
  await during();
  await kill(instance);
  instance.putCopyBack();
  instance.start();
}

async function swappedState(one: ChaosInstance, other: ChaosInstance, during: () => Promise<void>): Promise<void> {
  await Promise.all([kill(one), kill(other)]);
  one.swapState(other);
  await during();
  one.start();
  other.start();
}

async function rolled(brokers: readonly Broker[], { target, forMs }: Fault, course: Course): Promise<void> {
  for (const [turn] of brokers.entries()) {
    if (turn > 0) await course.pause(forMs / brokers.length / 2);
    if (course.isOver()) return;
    const broker = brokers[(target + turn) % brokers.length];
    await broker?.stop();
    await broker?.start();
  }
}

/** Moves the leader of each partition of an internal topic, and with it the coordinators, to another broker and back. */
async function movedAndBack(kafka: Kafka, topic: string, during: () => Promise<void>): Promise<void> {
  const others = (leaders: Leaders): Leaders =>
    leaders.map(({ partition, leader, replicas }) => {
      const sorted = [...replicas].sort((a, b) => a - b);
      return { partition, replicas, leader: sorted[after(sorted.indexOf(leader), sorted.length)] as number };
    });
  const before = await moveLeaders(kafka, topic, others);
  await during();
  await moveLeaders(kafka, topic, () => before);
}
