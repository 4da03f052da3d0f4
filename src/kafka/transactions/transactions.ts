/** Fences transactional ids. A fencing gives a producer, and makes the group's offset final. */
import type { Clock } from '../../lib/clock.js';
import { BrokerSettingError } from '../../pipeline/errors.js';
import type { Transactions } from '../../pipeline/ports.js';
import { RecordBatchLimits } from './record-batch-limits.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION, type KafkaConfig } from '../connection/cluster.js';
import type { ClusterView } from '../connection/cluster-view.js';
import { describeTransaction, type DescribedTransaction } from '../protocol/describe-transaction.js';
import { LastCommit } from './last-commit.js';
import { LastOutcomes, ownTimeout } from './last-outcomes.js';
import { ERROR_CODES, NO_ERROR } from '../protocol/protocol-errors.js';
import { SessionConnections } from './session-connections.js';
import { Throttle } from './throttle.js';
import { initProducerId, type CoordinatorAnswer, type InitProducerIdAnswer } from '../protocol/transaction-requests.js';
import { KafkaTransactionalProducer } from './transactional-producer.js';
import { timeoutRefused } from '../topics/transaction-timeout.js';
import { untilReady } from '../connection/until-ready.js';

export interface TransactionsOptions {
  readonly cluster: ClusterView;
  /** The consumer group whose offsets the transactions move. */
  readonly groupId: string;
  /** The coordinator aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
  readonly clock: Clock;
}

const BATCH_BYTES = 900_000;
/** Below the transaction timeout, so that a frozen broker is noticed before the coordinator aborts. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Kafka transactions (KIP-98), fenced by transactional id and not by KIP-447. Each producer has its own connections.
 */
export function kafkaTransactions(kafka: KafkaConfig, options: TransactionsOptions): Transactions {
  const config = { requestTimeout: REQUEST_TIMEOUT_MS, ...kafka };
  const { cluster, groupId, clock } = options;
  const recordBatchLimits = new RecordBatchLimits(BATCH_BYTES, clock);
  const transactionTimeoutMs = ownTimeout(options.transactionTimeoutMs);
  const outcomes = new LastOutcomes(transactionTimeoutMs);
  const throttles = new Map<string, Throttle>();
  const lastCommits = new Map<string, LastCommit>();

  return {
    async fence(transactionalId) {
      const connections = new BrokerConnections(config, clock);
      const throttle = throttles.get(transactionalId) ?? new Throttle(clock);
      throttles.set(transactionalId, throttle);
      const lastCommit = lastCommits.get(transactionalId) ?? new LastCommit(transactionTimeoutMs);
      lastCommits.set(transactionalId, lastCommit);
      const onDescribed = (before: DescribedTransaction): void => {
        outcomes.note(transactionalId, before);
        lastCommit.described(before);
      };
      const fencing = new Fencing(connections, onDescribed, { ...options, transactionTimeoutMs });
      try {
        const groupCoordinator = await fencing.coordinatorOf(COORDINATOR_OF_GROUP, groupId);
        const { coordinator, producerId, producerEpoch } = await fencing.initialise(transactionalId);
        const lastOutcome = outcomes.afterFencing(transactionalId, { producerId, producerEpoch });
        lastCommit.fenced({ producerId, producerEpoch });
        return new KafkaTransactionalProducer({
          connections: new SessionConnections(connections, new BrokerConnections(config, clock), throttle),
          leaders: cluster.leaders,
          clock,
          session: { transactionalId, producerId, producerEpoch },
          producerIds: outcomes.producerIds(transactionalId),
          lastOutcome,
          forgetOutcome: () => outcomes.forget(transactionalId),
          lastCommit,
          coordinator,
          groupId,
          groupCoordinator,
          recordBatchLimits,
          transactionTimeoutMs,
          produceTimeoutMs: config.requestTimeout,
        });
      } catch (error) {
        await connections.close();
        throw error;
      }
    },
  };
}

class Fencing {
  constructor(
    private readonly connections: BrokerConnections,
    /** Called with what the coordinator reports right before each attempt to fence. */
    private readonly onDescribed: (before: DescribedTransaction) => void,
    private readonly options: TransactionsOptions,
  ) {}

  /** host:port of the coordinator of a group or a transactional id. */
  async coordinatorOf(
    kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION,
    key: string,
  ): Promise<string> {
    const ask = (): Promise<CoordinatorAnswer> => this.options.cluster.coordinatorOf(kind, key);
    return (await untilReady(this.options.clock, 'FindCoordinator', ask)).address;
  }

  /** Fences the id, and right before that passes on how its last transaction ended. */
  async initialise(transactionalId: string): Promise<InitProducerIdAnswer & { coordinator: string }> {
    const { clock, transactionTimeoutMs } = this.options;
    return untilReady(clock, 'InitProducerId', async () => {
      const coordinator = await this.coordinatorOf(COORDINATOR_OF_TRANSACTION, transactionalId);
      try {
        const answer = await this.connections.ask(coordinator, async (broker) => {
          const before = await describeTransaction(broker, transactionalId);
          if (!isDescription(before)) return before;
          this.onDescribed(before);
          return broker.connectionPool.send(initProducerId(transactionalId, transactionTimeoutMs));
        });
        if (answer.errorCode === ERROR_CODES.INVALID_TRANSACTION_TIMEOUT)
          throw timeoutRefused(transactionalId, transactionTimeoutMs);
        return { ...answer, coordinator };
      } catch (error) {
        if (error instanceof BrokerSettingError) throw error;
        this.connections.drop(coordinator);
        throw error;
      }
    });
  }
}

/** False if the coordinator is not ready; its refusal then counts as the refusal of the fencing. */
function isDescription({ errorCode }: DescribedTransaction): boolean {
  return errorCode === NO_ERROR || errorCode === ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND;
}
