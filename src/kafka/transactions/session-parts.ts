import type { Clock } from '../../lib/clock.js';
import type { TransactionOutcome } from '../../pipeline/ports.js';
import type { RecordBatchLimits } from './record-batch-limits.js';
import type { LastCommit } from './last-commit.js';
import type { LeaderDirectory } from '../connection/leader-directory.js';
import type { SessionConnections } from './session-connections.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';
import {
  addOffsetsToTxn,
  canFenceOwnSession,
  fenceOwnSession,
  type ProducerSession,
} from '../protocol/transaction-requests.js';

/** The parts of a fenced session. Only this session uses the connections, and they end with it. */
export interface SessionParts {
  readonly connections: Pick<SessionConnections, keyof SessionConnections>;
  readonly leaders: Pick<LeaderDirectory, 'find' | 'forget'>;
  readonly clock: Clock;
  readonly session: ProducerSession;
  /** The known producer ids of the transactional id: the session's own, and those that it had before. */
  readonly producerIds: ReadonlySet<bigint>;
  readonly lastOutcome: TransactionOutcome | null;
  /** Call it before a transaction is begun: it will be the last one, and `lastOutcome` is then out of date. */
  readonly forgetOutcome: () => void;
  /** The transactional id's last commit. It outlives the sessions. */
  readonly lastCommit: LastCommit;
  /** host:port of the transactional id's coordinator. */
  readonly coordinator: string;
  readonly groupId: string;
  /** host:port */
  readonly groupCoordinator: string;
  readonly recordBatchLimits: RecordBatchLimits;
  readonly transactionTimeoutMs: number;
  /** How long a leader may wait for the in-sync replicas. */
  readonly produceTimeoutMs: number;
}

/**
 * Tries to abort the session's transaction. Then readers of the written topics do not wait for the next owner or for
 * the transaction timeout. Whether the abort works or not, the next owner's fencing ends the transaction. It does not
 * use EndTxn, which keeps the epoch: see `LastOutcomes`. Never rejects.
 */
export async function tryToAbort(parts: SessionParts): Promise<void> {
  const { connections, coordinator, session, groupId, transactionTimeoutMs } = parts;
  const abort = connections.ask(coordinator, async (broker) => {
    // The coordinator refuses this if the id has a new owner. Without it, the next request would abort that owner's
    // transaction.
    const isOurs = await broker.connectionPool.send(addOffsetsToTxn(session, groupId));
    if (isOurs.errorCode !== NO_ERROR || !canFenceOwnSession(broker)) return isOurs;
    return broker.connectionPool.send(fenceOwnSession(session, transactionTimeoutMs));
  });
  await Promise.allSettled([abort]);
}
