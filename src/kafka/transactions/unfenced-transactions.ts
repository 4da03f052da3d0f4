/** Asks about the transactions of an id without fencing it. */
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

  /**
   * The offset at which the open transaction of the id's present producer begins in a partition. `unknown` if the
   * partition's leader cannot tell.
   * @throws BrokerError
   */
  async openFrom(transactionalId: string, at: TopicPartition): Promise<OpenFrom> {
    const producerId = await this.#producerIdOf(transactionalId);
    if (producerId === null) return 'nothing';
    const leader = await this.#leaderOf(at);
    const connections = { write: this.#connections.ask.bind(this.#connections) };
    return openAt({ connections, producerIds: new Set([producerId]) }, leader, at);
  }

  async #leaderOf(at: TopicPartition): Promise<string> {
    try {
      return (await this.cluster.leaders.find(at)).address;
    } catch (error) {
      if (error instanceof BrokerError) throw error;
      throw noAnswer(error, 'Metadata', at);
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
