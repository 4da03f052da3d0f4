/** What a producer session asks of brokers beside its transactions. */
import type { TopicPartition } from '../lib/record.js';
import { fetchCommittedOffset } from './committed-offset.js';
import { describeProducers } from './describe-producers.js';
import { NO_ERROR, noAnswer } from './protocol-errors.js';
import type { SessionConnections } from './session-connections.js';
import type { ProducerSession } from './transaction-requests.js';

interface AskingSession {
  readonly connections: Pick<SessionConnections, 'write'>;
  readonly session: ProducerSession;
  readonly groupId: string;
  /** host:port */
  readonly groupCoordinator: string;
}

/** Whether the session has a transaction open in a partition; null if its leader does not tell. @throws BrokerError */
export async function hasOpenAt(
  { connections, session }: AskingSession,
  leader: string,
  at: TopicPartition,
): Promise<boolean | null> {
  try {
    const { errorCode, open } = await connections.write(leader, (broker) => describeProducers(broker, at));
    return errorCode === NO_ERROR ? open.includes(session.producerId) : null;
  } catch (error) {
    throw noAnswer(error, 'DescribeProducers', at);
  }
}

/**
 * The group's committed offset, as the coordinator has it that takes the session's offsets. Once that one has acknowledged
 * an offset in the open transaction, it is known to be the true one.
 * @throws BrokerError
 */
export async function committedAtCoordinator(
  { connections, groupId, groupCoordinator }: AskingSession,
  input: TopicPartition,
): Promise<number | null> {
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
