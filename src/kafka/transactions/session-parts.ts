import type { Clock } from '../../lib/clock.js';
import type { TransactionOutcome } from '../../pipeline/ports.js';
import type { BatchSizeLimits } from './batch-size-limits.js';
import type { LastCommit } from './last-commit.js';
import type { LeaderDirectory } from '../connection/leader-directory.js';
import type { SessionConnections } from './session-connections.js';
import type { ProducerSession } from '../protocol/transaction-requests.js';

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
  readonly batchSizeLimits: BatchSizeLimits;
  readonly transactionTimeoutMs: number;
  /** How long a leader may wait for the in-sync replicas. */
  readonly produceTimeoutMs: number;
}
