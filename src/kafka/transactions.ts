/** Fences transactional ids: the way to a producer, and to final offsets. */
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { BrokerError, FencedError } from '../pipeline/errors.js';
import type { Transactions } from '../pipeline/ports.js';
import { BatchSizeLimits } from './batch-size-limits.js';
import {
  COORDINATOR_OF_GROUP,
  COORDINATOR_OF_TRANSACTION,
  createCluster,
  type Broker,
  type Cluster,
  type KafkaConfig,
} from './cluster.js';
import { ERROR_CODES, NO_ERROR, noAnswer, refusal } from './protocol-errors.js';
import { initProducerId, type InitProducerIdAnswer } from './transaction-requests.js';
import { FencedProducer } from './transactional-producer.js';

export interface TransactionsOptions {
  /** The consumer group whose offsets the transactions move. */
  readonly groupId: string;
  /** The topics written. Their metadata is asked for by name: of all topics, a foreign one without a leader fails. */
  readonly topics: readonly string[];
  /** The coordinator aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
  readonly clock: Clock;
}

const BATCH_BYTES = 900_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
const FENCE_TIMEOUT_MS = 30_000;
const FENCE_RETRY_FIRST_MS = 1;
const FENCE_RETRY_MAX_MS = 20;

/** The coordinator has not carried out InitProducerId yet: it ends the last owner's transaction, loads, or has moved. */
const NOT_YET: ReadonlySet<number> = new Set([
  ERROR_CODES.CONCURRENT_TRANSACTIONS,
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODES.NOT_COORDINATOR,
]);

/** Transactions on Kafka, each producer with connections of its own (KIP-98; fencing by transactional id, not KIP-447). */
export function kafkaTransactions(config: KafkaConfig, options: TransactionsOptions): Transactions {
  const batchSizeLimits = new BatchSizeLimits(BATCH_BYTES);
  const produceTimeoutMs = config.requestTimeout ?? DEFAULT_REQUEST_TIMEOUT_MS;

  return {
    async fence(transactionalId) {
      const { groupId, topics, transactionTimeoutMs, clock } = options;
      const cluster = createCluster(config);
      try {
        await cluster.connect();
        await cluster.addMultipleTargetTopics(topics);
        const groupCoordinator = await cluster.findGroupCoordinator({ groupId, coordinatorType: COORDINATOR_OF_GROUP });
        const { coordinator, answer } = await initialise(cluster, transactionalId, transactionTimeoutMs, clock);
        const { producerId, producerEpoch } = answer;
        const session = { transactionalId, producerId, producerEpoch };
        return new FencedProducer({
          cluster,
          clock,
          session,
          coordinator,
          groupId,
          groupCoordinator,
          batchSizeLimits,
          produceTimeoutMs,
        });
      } catch (error) {
        await cluster.disconnect();
        if (error instanceof FencedError || error instanceof BrokerError) throw error;
        throw noAnswer(error, `fencing ${transactionalId}`);
      }
    },
  };
}

async function initialise(
  cluster: Cluster,
  transactionalId: string,
  transactionTimeoutMs: number,
  clock: Clock,
): Promise<{ coordinator: Broker; answer: InitProducerIdAnswer }> {
  const backoff = new Backoff(FENCE_RETRY_FIRST_MS, FENCE_RETRY_MAX_MS);
  const deadline = clock.now() + FENCE_TIMEOUT_MS;
  for (;;) {
    const coordinator = await cluster.findGroupCoordinator({
      groupId: transactionalId,
      coordinatorType: COORDINATOR_OF_TRANSACTION,
    });
    const call = initProducerId(transactionalId, transactionTimeoutMs);
    const answer = await coordinator.connectionPool.send(call);
    if (answer.errorCode === NO_ERROR) return { coordinator, answer };
    if (!NOT_YET.has(answer.errorCode) || clock.now() >= deadline)
      throw refusal(answer.errorCode, call.request.apiName);
    await clock.delay(backoff.next());
  }
}
