/** Requests of a producer session that are not part of a transaction. */
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { CommittedOffset, OpenFrom } from '../../pipeline/ports.js';
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
 * The offset at which the open transaction of the session, or of one before it, begins in a partition. `unknown` if the
 * partition's leader cannot tell.
 * @throws BrokerError, also if the leader is not ready: with `unknown`, the caller would treat an open transaction of
 *   ours as another producer's
 */
export async function openAt(
  { connections, producerIds }: Pick<AskingSession, 'connections' | 'producerIds'>,
  leader: string,
  partition: TopicPartition,
): Promise<OpenFrom> {
  try {
    const { errorCode, open } = await connections.write(leader, (broker) => describeProducers(broker, partition));
    if (DOES_NOT_TELL.has(errorCode)) return 'unknown';
    if (errorCode !== NO_ERROR) throw refusal(errorCode, 'DescribeProducers', partition);
    const ours = [...open].filter(([producerId]) => producerIds.has(producerId)).map(([, from]) => from);
    return ours.length === 0 ? 'nothing' : Math.min(...ours);
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw noAnswer(error, 'DescribeProducers', partition);
  }
}

/**
 * The group's offset, from the coordinator that receives the session's offsets. Once this coordinator has
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
