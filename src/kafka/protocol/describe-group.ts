/** Describes a group as its coordinator sees it, with kafkajs's encoding of DescribeGroups. */
import { BrokerError } from '../../pipeline/errors.js';
import type { ConnectedBroker } from './protocol-call.js';

export interface DescribedGroup {
  readonly state: string;
  /** The name of the assignor that all members know; empty during a rebalance. */
  readonly protocol: string;
  /** During a rebalance, the metadata and the assignments of the members are empty. */
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    /** The address that it connects from, as the broker sees it: `/10.0.0.7`. */
    readonly clientHost: string;
    readonly memberMetadata: Buffer;
    readonly memberAssignment: Buffer;
  }[];
}

const REBALANCING: readonly string[] = ['PreparingRebalance', 'CompletingRebalance'];

/** An error code in the answer becomes a rejection. */
interface DescribingBroker extends ConnectedBroker {
  describeGroups(request: { groupIds: readonly string[] }): Promise<{ groups: DescribedGroup[] }>;
}

/** Sends requests to the group's coordinator. */
interface Coordinator {
  ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T>;
}

/** Makes one attempt; the caller retries. @throws what `coordinator.ask` throws */
export async function describeGroup(coordinator: Coordinator, groupId: string): Promise<DescribedGroup> {
  const request = { groupIds: [groupId] };
  const { groups } = await coordinator.ask((broker) => (broker as DescribingBroker).describeGroups(request));
  const [group] = groups;
  if (group === undefined) throw new BrokerError('the answer to DescribeGroups has no group');
  return group;
}

/** The group is in a rebalance. Until its end, the coordinator does not describe the members. */
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
