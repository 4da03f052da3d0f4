/** Fences transactional ids: the way to a producer, and to final offsets. */
import type { Clock } from '../lib/clock.js';
import type { Transactions } from '../pipeline/ports.js';
import { BatchSizeLimits } from './batch-size-limits.js';
import { BrokerConnections } from './broker-connections.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION, type KafkaConfig } from './cluster.js';
import { LeaderDirectory } from './leader-directory.js';
import {
  findCoordinator,
  initProducerId,
  type CoordinatorAnswer,
  type InitProducerIdAnswer,
} from './transaction-requests.js';
import { FencedProducer } from './transactional-producer.js';
import { untilReady } from './until-ready.js';

export interface TransactionsOptions {
  /** The consumer group whose offsets the transactions move. */
  readonly groupId: string;
  /** The coordinator aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
  readonly clock: Clock;
}

const BATCH_BYTES = 900_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;

/** Transactions on Kafka, each producer with connections of its own (KIP-98; fencing by transactional id, not KIP-447). */
export function kafkaTransactions(config: KafkaConfig, options: TransactionsOptions): Transactions {
  const batchSizeLimits = new BatchSizeLimits(BATCH_BYTES);
  const produceTimeoutMs = config.requestTimeout ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const { groupId, clock } = options;

  return {
    async fence(transactionalId) {
      const connections = new BrokerConnections(config);
      const leaders = new LeaderDirectory(config, connections);
      const fencing = new Fencing(connections, leaders, options);
      try {
        const groupCoordinator = await fencing.coordinatorOf(COORDINATOR_OF_GROUP, groupId);
        const { coordinator, producerId, producerEpoch } = await fencing.initialise(transactionalId);
        return new FencedProducer({
          connections,
          leaders,
          clock,
          session: { transactionalId, producerId, producerEpoch },
          coordinator,
          groupId,
          groupCoordinator,
          batchSizeLimits,
          produceTimeoutMs,
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
    private readonly leaders: LeaderDirectory,
    private readonly options: TransactionsOptions,
  ) {}

  /** host:port of the coordinator of a group or a transactional id. */
  async coordinatorOf(
    kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION,
    key: string,
  ): Promise<string> {
    const { clock } = this.options;
    const { address } = await untilReady<CoordinatorAnswer>(clock, 'FindCoordinator', async () => {
      const anyBroker = await this.leaders.anyBroker();
      try {
        return await this.connections.ask(anyBroker, ({ connectionPool }) =>
          connectionPool.send(findCoordinator(kind, key)),
        );
      } catch (error) {
        this.leaders.avoid(anyBroker);
        throw error;
      }
    });
    return address;
  }

  async initialise(transactionalId: string): Promise<InitProducerIdAnswer & { coordinator: string }> {
    const { clock, transactionTimeoutMs } = this.options;
    return untilReady(clock, 'InitProducerId', async () => {
      const coordinator = await this.coordinatorOf(COORDINATOR_OF_TRANSACTION, transactionalId);
      try {
        const answer = await this.connections.ask(coordinator, ({ connectionPool }) =>
          connectionPool.send(initProducerId(transactionalId, transactionTimeoutMs)),
        );
        return { ...answer, coordinator };
      } catch (error) {
        this.connections.drop(coordinator);
        throw error;
      }
    });
  }
}
