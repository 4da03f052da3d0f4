/** Asks about the transactions of transactional ids without fencing them. */
import type { TopicPartition } from '../../lib/record.js';
import type { Clock } from '../../lib/clock.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { OpenFrom } from '../../pipeline/ports.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import { COORDINATOR_OF_TRANSACTION, type KafkaConfig } from '../connection/cluster.js';
import type { ClusterView } from '../connection/cluster-view.js';
import { Coordinator } from '../connection/coordinator.js';
import { untilReady } from '../connection/until-ready.js';
import { describeTransaction } from '../protocol/describe-transaction.js';
import { ERROR_CODES, NO_ERROR, noAnswer } from '../protocol/protocol-errors.js';
import { openAt } from './session-questions.js';

export class UnfencedTransactions {
  readonly #connections: BrokerConnections;

  constructor(
    kafka: KafkaConfig,
    private readonly cluster: ClusterView,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections(kafka, clock);
  }

  /** The present producer of each id; ids that the coordinators do not know have none. @throws BrokerError */
  async producersOf(transactionalIds: readonly string[]): Promise<ReadonlySet<bigint>> {
    const producerIds = new Set<bigint>();
    for (const transactionalId of transactionalIds) {
      const producerId = await this.#producerIdOf(transactionalId);
      if (producerId !== null) producerIds.add(producerId);
    }
    return producerIds;
  }

  /**
   * The offset at which the first open transaction of these producers begins in a partition. `unknown` if the
   * partition's leader cannot tell.
   * @throws BrokerError
   */
  async openFrom(producerIds: ReadonlySet<bigint>, partition: TopicPartition): Promise<OpenFrom> {
    if (producerIds.size === 0) return 'nothing';
    const leader = await this.#leaderOf(partition);
    const connections = { write: this.#connections.ask.bind(this.#connections) };
    return openAt({ connections, producerIds }, leader, partition);
  }

  async #leaderOf(partition: TopicPartition): Promise<string> {
    try {
      return (await this.cluster.leaders.find(partition)).address;
    } catch (error) {
      if (error instanceof BrokerError) throw error;
      throw noAnswer(error, 'Metadata', partition);
    }
  }

  /** Null if the coordinator does not know the id. */
  async #producerIdOf(transactionalId: string): Promise<bigint | null> {
    const coordinator = new Coordinator(COORDINATOR_OF_TRANSACTION, transactionalId, this.#connections, this.cluster);
    const { producerId } = await untilReady(this.clock, 'DescribeTransactions', async () => {
      const answer = await coordinator.ask((broker) => describeTransaction(broker, transactionalId));
      const isUnknown = answer.errorCode === ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND;
      return isUnknown ? { ...answer, errorCode: NO_ERROR, producerId: null } : answer;
    });
    return producerId;
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#connections.close();
  }
}
