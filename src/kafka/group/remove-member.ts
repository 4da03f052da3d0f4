/** Takes a member out of the consumer group from outside: a dead one need not be waited for until its session ends. */
import { createCluster, COORDINATOR_OF_GROUP, type KafkaConfig } from '../connection/cluster.js';
import type { Broker } from '../protocol/protocol-call.js';

/** kafkajs's own encoding of LeaveGroup; an error code of the answer rejects. */
interface GroupCoordinator extends Broker {
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}

/** While the coordinator is away: about 15 s, and soon after it is back. A session is over by then anyway. */
const retry = { initialRetryTime: 100, maxRetryTime: 500, retries: 30 };

/**
 * Removes `memberId` from the group. Evicting a live member costs a rebalance, never a result: it joins again.
 *
 * @returns false where the group has no such member (any more)
 * @throws kafkajs's errors where the coordinator cannot be reached
 */
export async function removeMember(config: KafkaConfig, groupId: string, memberId: string): Promise<boolean> {
  const cluster = createCluster({ ...config, retry });
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId, coordinatorType: COORDINATOR_OF_GROUP });
    await (coordinator as GroupCoordinator).leaveGroup({ groupId, memberId });
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
