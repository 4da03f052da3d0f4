import { pino } from 'pino';
import { ClusterView, type NamedCoordinator } from '../../src/kafka/connection/cluster-view.js';
import type { KafkaConfig } from '../../src/kafka/connection/cluster.js';
import { RememberedMember, type Memory } from '../../src/kafka/group/remembered-member.js';
import { systemClock } from '../../src/lib/system-clock.js';

/** A member memory that exists as long as the test. */
export class MemoryOfTest implements Memory {
  memberId: string | null = null;

  get(): Promise<string | null> {
    return Promise.resolve(this.memberId);
  }

  set(memberId: string): Promise<void> {
    this.memberId = memberId;
    return Promise.resolve();
  }

  delete(): Promise<void> {
    this.memberId = null;
    return Promise.resolve();
  }
}

export function rememberedIn(memory: Memory, kafka: KafkaConfig, groupId: string): RememberedMember {
  const logger = pino({ level: 'silent' });
  const cluster = { coordinatorOf: (kind: CoordinatorKind, key: string) => askOnce(kafka, kind, key) };
  return new RememberedMember({ kafka, cluster, groupId, memory, clock: systemClock, logger });
}

type CoordinatorKind = Parameters<ClusterView['coordinatorOf']>[0];

/** Leaves no connection behind. */
async function askOnce(kafka: KafkaConfig, kind: CoordinatorKind, key: string): Promise<NamedCoordinator> {
  const view = new ClusterView(kafka, systemClock);
  try {
    return await view.coordinatorOf(kind, key);
  } finally {
    await view.close();
  }
}
