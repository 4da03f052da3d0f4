import { pino } from 'pino';
import type { KafkaConfig } from '../../src/kafka/cluster.js';
import { RememberedMember, type Memory } from '../../src/kafka/remembered-member.js';
import { systemClock } from './system-clock.js';

/** A memory that lasts as long as the test. */
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
  return new RememberedMember({ kafka, groupId, memory, clock: systemClock, logger: pino({ level: 'silent' }) });
}
