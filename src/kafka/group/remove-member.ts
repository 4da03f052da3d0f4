/**
 * Removes a member from the consumer group from outside, so that the group need not wait for a dead member's session.
 */
import type { Clock } from '../../lib/clock.js';
import { retryUntil } from '../../lib/retry-until.js';
import { createCluster, COORDINATOR_OF_GROUP, type KafkaConfig } from '../connection/cluster.js';
import type { Broker } from '../protocol/protocol-call.js';
import { isTransient, isWithoutCoordinator } from './membership-errors.js';

/** kafkajs's own encoding of LeaveGroup. An error code in the answer becomes a rejection. */
interface LeavableBroker extends Broker {
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}

/** kafkajs's own retries in one attempt: they reach another configured broker if the first one is away. */
const RETRIES = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 };
/** Milliseconds for all attempts: by then the session has timed out anyway. */
const REMOVAL_TIMEOUT_MS = 15_000;
const PAUSE_MS = 100;

/**
 * Removes `memberId` from the group. If the member is alive, it joins again: that costs a rebalance, and never a
 * result. Tries again while the coordinator is away.
 *
 * @param signal aborts when nobody waits for the removal any more: the attempt under way is the last
 * @returns false if the member is not in the group
 * @throws kafkajs's errors if the coordinator cannot be reached
 */
export function removeMember(
  config: KafkaConfig,
  clock: Clock,
  groupId: string,
  memberId: string,
  signal: AbortSignal,
): Promise<boolean> {
  let failure: unknown;
  const terms = {
    clock,
    patienceMs: REMOVAL_TIMEOUT_MS,
    pause: { next: () => PAUSE_MS },
    signal,
    mayHelp: (error: unknown) => isTransient(error) || isWithoutCoordinator(error),
    onRetry: (error: unknown) => (failure = error),
  };
  return retryUntil(terms, () =>
    signal.aborted === true && failure !== undefined
      ? Promise.reject(failure as Error)
      : removeOnce(config, groupId, memberId),
  );
}

async function removeOnce(config: KafkaConfig, groupId: string, memberId: string): Promise<boolean> {
  const cluster = createCluster({ ...config, retry: RETRIES });
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
