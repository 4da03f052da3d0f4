/** The group as its coordinator sees it: kafkajs's own encoding of DescribeGroups. */
import { BrokerError } from '../../pipeline/errors.js';
import type { ConnectedBroker } from './protocol-call.js';

export interface DescribedGroup {
  readonly state: string;
  /** The name of the way of assigning that all members know; empty during a rebalance. */
  readonly protocol: string;
  /** While the group is being assigned again, neither the metadata nor the assignment of a member is told. */
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    /** Where it connects from, as the broker sees it: `/10.0.0.7`. */
    readonly clientHost: string;
    readonly memberMetadata: Buffer;
    readonly memberAssignment: Buffer;
  }[];
}

/** An error code of the answer rejects. */
interface DescribingBroker extends ConnectedBroker {
  describeGroups(request: { groupIds: readonly string[] }): Promise<{ groups: DescribedGroup[] }>;
}

/** Asks the group's coordinator. */
interface Coordinator {
  ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T>;
}

/** One attempt; the caller retries. @throws what `coordinator.ask` throws */
export async function describeGroup(coordinator: Coordinator, groupId: string): Promise<DescribedGroup> {
  const request = { groupIds: [groupId] };
  const { groups } = await coordinator.ask((broker) => (broker as DescribingBroker).describeGroups(request));
  const [group] = groups;
  if (group === undefined) throw new BrokerError('the coordinator described no group');
  return group;
}

export function isRebalancing({ state }: DescribedGroup): boolean {
  return state === 'PreparingRebalance' || state === 'CompletingRebalance';
}
