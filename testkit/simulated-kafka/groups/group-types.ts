/** The phases of a group, what is stored of it, and what it needs of its coordinator. */
import type { SimulatedTime } from '../time.js';
import type { Client, StoredMember } from './member.js';

export type GroupPhase = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** What the coordinator writes of a group to its log. */
export interface StoredGroup {
  readonly generation: number;
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  readonly members: readonly StoredMember[];
}

/** What a group needs of its coordinator. */
export interface GroupHost {
  readonly time: SimulatedTime;
  readonly initialDelayMs: number;
  newMemberId(client: Client, instanceId: string | null): string;
  /** Writes the group to the log. */
  store(group: StoredGroup, done: (errorCode: number) => void): void;
}

export interface MemberOfGeneration {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}
