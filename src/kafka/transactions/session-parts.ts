import type { Clock } from '../../lib/clock.js';
import type { TransactionOutcome } from '../../pipeline/ports.js';
import type { BatchSizeLimits } from './batch-size-limits.js';
import type { LastCommit } from './last-commit.js';
import type { LeaderDirectory } from '../connection/leader-directory.js';
import type { SessionConnections } from './session-connections.js';
import type { ProducerSession } from '../protocol/transaction-requests.js';

/** What a fenced session consists of. The connections belong to it alone, and end with it. */
export interface SessionParts {
  readonly connections: Pick<SessionConnections, keyof SessionConnections>;
  readonly leaders: Pick<LeaderDirectory, 'find' | 'forget'>;
  readonly clock: Clock;
  readonly session: ProducerSession;
  /** The session's own, and those that the transactional id had before, as far as known. */
  readonly producerIds: ReadonlySet<bigint>;
  readonly lastOutcome: TransactionOutcome | null;
  /** Of the transactional id: kept over its sessions. */
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
