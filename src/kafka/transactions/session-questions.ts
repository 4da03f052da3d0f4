/** Requests of a producer session that are not part of a transaction. */
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { CommittedOffset } from '../../pipeline/ports.js';
import { fetchCommittedOffset } from '../protocol/committed-offset.js';
import { describeProducers } from '../protocol/describe-producers.js';
import { ERROR_CODES, NO_ERROR, noAnswer, refusal } from '../protocol/protocol-errors.js';
import type { SessionConnections } from './session-connections.js';

interface AskingSession {
  readonly connections: Pick<SessionConnections, 'write'>;
  readonly producerIds: ReadonlySet<bigint>;
  readonly groupId: string;
  /** host:port */
  readonly groupCoordinator: string;
}

/** Errors of a leader that will not change: the leader is too old for the request, or we do not have the permission. */
const DOES_NOT_TELL: ReadonlySet<number> = new Set([
  ERROR_CODES.UNSUPPORTED_VERSION,
  ERROR_CODES.TOPIC_AUTHORIZATION_FAILED,
]);

/**
 * Whether the session, or an earlier one, has a transaction open in a partition. Null if the partition's leader cannot
 * tell. @throws BrokerError, also if the leader is not ready: with null, the caller would treat an open transaction of
 * ours as another producer's
 */
export async function hasOpenAt(
  { connections, producerIds }: Pick<AskingSession, 'connections' | 'producerIds'>,
  leader: string,
  at: TopicPartition,
): Promise<boolean | null> {
  try {
    const { errorCode, open } = await connections.write(leader, (broker) => describeProducers(broker, at));
    if (DOES_NOT_TELL.has(errorCode)) return null;
    if (errorCode !== NO_ERROR) throw refusal(errorCode, 'DescribeProducers', at);
    return open.some((producerId) => producerIds.has(producerId));
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw noAnswer(error, 'DescribeProducers', at);
  }
}

/**
 * The group's committed offset, from the coordinator that receives the session's offsets. Once this coordinator has
 * acknowledged an offset in the open transaction, it is proved to be the true one.
 * @throws BrokerError
 */
export async function committedAtCoordinator(
  { connections, groupId, groupCoordinator }: Omit<AskingSession, 'producerIds'>,
  input: TopicPartition,
): Promise<CommittedOffset | null> {
  try {
    const { committed } = await connections.write(groupCoordinator, async (broker) => {
      const committed = await fetchCommittedOffset(broker, groupId, input);
      return { committed, errorCode: NO_ERROR, clientSideThrottleTime: 0 };
    });
    return committed;
  } catch (error) {
    throw noAnswer(error, 'OffsetFetch', input);
  }
}
