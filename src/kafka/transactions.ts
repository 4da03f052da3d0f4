/** Fences transactional ids: the way to a producer, and to final offsets. */
import type { Clock } from '../lib/clock.js';
import { BrokerSettingError } from '../pipeline/errors.js';
import type { Transactions } from '../pipeline/ports.js';
import { AnyBroker, type Told } from './any-broker.js';
import { BatchSizeLimits } from './batch-size-limits.js';
import { BrokerConnections } from './broker-connections.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION, type KafkaConfig } from './cluster.js';
import { describeTransaction, type DescribedTransaction } from './describe-transaction.js';
import { LastOutcomes, ownTimeout } from './last-outcomes.js';
import { LeaderDirectory } from './leader-directory.js';
import { ERROR_CODES, NO_ERROR } from './protocol-errors.js';
import { SessionConnections } from './session-connections.js';
import { Throttle } from './throttle.js';
import {
  findCoordinator,
  initProducerId,
  type CoordinatorAnswer,
  type InitProducerIdAnswer,
} from './transaction-requests.js';
import { KafkaTransactionalProducer } from './transactional-producer.js';
import { timeoutRefused } from './transaction-timeout.js';
import { untilReady } from './until-ready.js';

export interface TransactionsOptions {
  /** The consumer group whose offsets the transactions move. */
  readonly groupId: string;
  /** The coordinator aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
  readonly clock: Clock;
}

const BATCH_BYTES = 900_000;
/** Within the transaction time-out, so that a frozen broker is noticed before the coordinator aborts. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Transactions on Kafka, each producer with connections of its own (KIP-98; fencing by transactional id, not KIP-447). */
export function kafkaTransactions(kafka: KafkaConfig, options: TransactionsOptions): Transactions {
  const config = { requestTimeout: REQUEST_TIMEOUT_MS, ...kafka };
  const { groupId, clock } = options;
  const batchSizeLimits = new BatchSizeLimits(BATCH_BYTES, clock);
  const anyBroker = new AnyBroker(config, clock);
  const transactionTimeoutMs = ownTimeout(options.transactionTimeoutMs);
  const outcomes = new LastOutcomes(transactionTimeoutMs);
  const throttles = new Map<string, Throttle>();

  return {
    async fence(transactionalId) {
      const connections = new BrokerConnections(config);
      const throttle = throttles.get(transactionalId) ?? new Throttle(clock);
      throttles.set(transactionalId, throttle);
      const fencing = new Fencing(connections, anyBroker, outcomes, { ...options, transactionTimeoutMs });
      try {
        const { answer: groupCoordinator, toldBy } = await fencing.coordinatorOf(COORDINATOR_OF_GROUP, groupId);
        const { coordinator, producerId, producerEpoch } = await fencing.initialise(transactionalId);
        return new KafkaTransactionalProducer({
          connections: new SessionConnections(connections, new BrokerConnections(config), throttle),
          leaders: new LeaderDirectory(anyBroker, connections),
          clock,
          session: { transactionalId, producerId, producerEpoch },
          lastOutcome: outcomes.afterFencing(transactionalId, { producerId, producerEpoch }),
          coordinator,
          groupId,
          groupCoordinator,
          batchSizeLimits,
          transactionTimeoutMs,
          produceTimeoutMs: config.requestTimeout,
          // Coordinators and leaders may have been named wrongly, by a broker that is cut off from its cluster.
          onFailure: () => anyBroker.passOn(toldBy),
        });
      } catch (error) {
        await connections.close();
        throw error;
      }
    },
  };
}

/** The coordinator that was asked is another one by now, or cannot do its work: it may have been named wrongly. */
const WRONG_COORDINATOR: ReadonlySet<number> = new Set([
  ERROR_CODES.NOT_COORDINATOR,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
]);

class Fencing {
  constructor(
    private readonly connections: BrokerConnections,
    private readonly anyBroker: AnyBroker,
    private readonly outcomes: LastOutcomes,
    private readonly options: TransactionsOptions,
  ) {}

  /** host:port of the coordinator of a group or a transactional id. */
  async coordinatorOf(
    kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION,
    key: string,
  ): Promise<Told<string>> {
    const { clock } = this.options;
    const ask = async (): Promise<CoordinatorAnswer & { toldBy: string }> => {
      const { answer, toldBy } = await this.anyBroker.ask(this.connections, ({ connectionPool }) =>
        connectionPool.send(findCoordinator(kind, key)),
      );
      if (WRONG_COORDINATOR.has(answer.errorCode)) this.anyBroker.passOn(toldBy);
      return { ...answer, toldBy };
    };
    const { address, toldBy } = await untilReady(clock, 'FindCoordinator', ask, await this.anyBroker.count());
    return { answer: address, toldBy };
  }

  /** Fences, and notes right before how the id stands. */
  async initialise(transactionalId: string): Promise<InitProducerIdAnswer & { coordinator: string }> {
    const { clock, transactionTimeoutMs } = this.options;
    return untilReady(clock, 'InitProducerId', async () => {
      const { answer: coordinator, toldBy } = await this.coordinatorOf(COORDINATOR_OF_TRANSACTION, transactionalId);
      try {
        const answer = await this.connections.ask(coordinator, async (broker) => {
          const before = await describeTransaction(broker, transactionalId);
          if (!isDescription(before)) return before;
          this.outcomes.note(transactionalId, before);
          return broker.connectionPool.send(initProducerId(transactionalId, transactionTimeoutMs));
        });
        if (WRONG_COORDINATOR.has(answer.errorCode)) this.anyBroker.passOn(toldBy);
        if (answer.errorCode === ERROR_CODES.INVALID_TRANSACTION_TIMEOUT)
          throw timeoutRefused(transactionalId, transactionTimeoutMs);
        return { ...answer, coordinator };
      } catch (error) {
        if (error instanceof BrokerSettingError) throw error;
        this.anyBroker.passOn(toldBy);
        this.connections.drop(coordinator);
        throw error;
      }
    });
  }
}

/** Else the coordinator is not ready: its refusal is that of the fencing. */
function isDescription({ errorCode }: DescribedTransaction): boolean {
  return errorCode === NO_ERROR || errorCode === ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND;
}
