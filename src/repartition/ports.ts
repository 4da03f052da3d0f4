/** What `repartition` needs from outside. */
import type { StoppedGroup } from '../kafka/group/stopped-group.js';
import type { TopicAdmin } from '../kafka/topics/topic-admin.js';
import type { Clock } from '../lib/clock.js';
import type { TopicPartition } from '../lib/record.js';
import type { Logs, OpenFrom, Transactions } from '../pipeline/ports.js';

export interface CheckingPorts {
  readonly applicationId: string;
  readonly input: string;
  readonly changelog: string;
  /** The other topics to which the transactions of the deployment write. */
  readonly outbound: readonly string[];
  readonly logs: Logs;
  /** Where the open transaction of a transactional id begins in a partition. Fences nothing. */
  readonly openFrom: (transactionalId: string, at: TopicPartition) => Promise<OpenFrom>;
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
  readonly admin: Pick<TopicAdmin, 'countPartitions' | 'grow'>;
  readonly group: Pick<StoppedGroup, 'members' | 'setOffsets' | 'deleteOffsets'>;
  /** Called with each step once it is done. */
  readonly report: (line: string) => void;
}
