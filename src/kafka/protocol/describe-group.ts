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

const REBALANCING: readonly string[] = ['PreparingRebalance', 'CompletingRebalance'];

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

/** The group is in a rebalance, in which the coordinator describes no member. */
export class RebalancingError extends BrokerError {
  constructor() {
    super('its partitions are being assigned again');
  }
}

/** As `describeGroup`. @throws RebalancingError during a rebalance; what `coordinator.ask` throws */
export async function describeAssignedGroup(coordinator: Coordinator, groupId: string): Promise<DescribedGroup> {
  const group = await describeGroup(coordinator, groupId);
  if (REBALANCING.includes(group.state)) throw new RebalancingError();
  return group;
}
