/**
 * Removes a member from the consumer group from outside, so that the group need not wait for a dead member's session.
 */
import { createCluster, COORDINATOR_OF_GROUP, type KafkaConfig } from '../connection/cluster.js';
import type { Broker } from '../protocol/protocol-call.js';

/** kafkajs's own encoding of LeaveGroup. An error code in the answer becomes a rejection. */
interface LeavableBroker extends Broker {
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}

/**
 * Retries for about 15 s while the coordinator is away, at short intervals. By then the session has timed out anyway.
 */
const retry = { initialRetryTime: 100, maxRetryTime: 500, retries: 30 };

/**
 * Removes `memberId` from the group. If the member is alive, it joins again: that costs a rebalance, and never a
 * result.
 *
 * @returns false if the member is not in the group
 * @throws kafkajs's errors if the coordinator cannot be reached
 */
export async function removeMember(config: KafkaConfig, groupId: string, memberId: string): Promise<boolean> {
  const cluster = createCluster({ ...config, retry });
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId, coordinatorType: COORDINATOR_OF_GROUP });
    await (coordinator as LeavableBroker).leaveGroup({ groupId, memberId });
    return true;
  } catch (error) {
    if (isUnknownMember(error)) return false;
    throw error;
  } finally {
    await cluster.disconnect();
  }
}

function isUnknownMember(error: unknown): boolean {
  return error instanceof Error && 'type' in error && error.type === 'UNKNOWN_MEMBER_ID';
}
