/** What `repartition` needs from outside. */
import type { StoppedGroup } from '../kafka/group/stopped-group.js';
import type { TopicAdmin } from '../kafka/topics/topic-admin.js';
import type { UnfencedTransactions } from '../kafka/transactions/unfenced-transactions.js';
import type { Clock } from '../lib/clock.js';
import type { Logs, Transactions } from '../pipeline/ports.js';

export interface CheckingPorts {
  readonly applicationId: string;
  readonly input: string;
  readonly changelog: string;
  /** The other topics to which the transactions of the deployment write. */
  readonly outbound: readonly string[];
  readonly logs: Logs;
  /** Asks about transactions. Fences nothing. */
  readonly unfenced: Pick<UnfencedTransactions, 'producersOf' | 'openFrom'>;
  readonly admin: Pick<TopicAdmin, 'countPartitions'>;
}

export interface MovingPorts extends CheckingPorts {
  readonly transactions: Transactions;
  readonly clock: Clock;
}

export interface RepartitionPorts extends MovingPorts {
  /**
   * If this is a shadow: the deployment that owns the input. Only that deployment may add partitions. Otherwise null.
   */
  readonly shadowOf: string | null;
  readonly admin: Pick<TopicAdmin, 'countPartitions' | 'mayGrow' | 'grow'>;
  readonly group: Pick<StoppedGroup, 'members' | 'setOffsets' | 'deleteOffsets'>;
  /** Called with each step once it is done. */
  readonly report: (line: string) => void;
}
