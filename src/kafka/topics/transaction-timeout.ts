/** Defines the timeout of our transactions, and checks that the brokers allow it. */
import type { Clock } from '../../lib/clock.js';
import { BrokerSettingError } from '../../pipeline/errors.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { TopicAdmin } from './topic-admin.js';

/** The coordinator aborts transactions that are open for longer, so that readers need not wait. */
export const TRANSACTION_TIMEOUT_MS = 20_000;
export const MAX_TRANSACTION_TIMEOUT = 'transaction.max.timeout.ms';

/** The error for an InitProducerId that was refused with INVALID_TRANSACTION_TIMEOUT. */
export function timeoutRefused(transactionalId: string, timeoutMs: number): BrokerSettingError {
  return new BrokerSettingError(
    `InitProducerId for ${transactionalId} was refused: ${raise('brokers', null, timeoutMs)}`,
  );
}

/**
 * Finds brokers whose setting is too low. The list is also empty if the brokers do not report the setting: that needs
 * DescribeConfigs on the cluster. Then the fencing of a partition reports the fault.
 */
export async function transactionTimeoutFaults(config: KafkaConfig, clock: Clock, topic: string): Promise<string[]> {
  const admin = new TopicAdmin(config, clock);
  try {
    const settings = await admin.brokerSettings(topic, MAX_TRANSACTION_TIMEOUT);
    return [...settings].flatMap(([id, value]) =>
      Number(value) < TRANSACTION_TIMEOUT_MS ? [raise(`broker ${id}`, value, TRANSACTION_TIMEOUT_MS)] : [],
    );
  } finally {
    await admin.close();
  }
}

function raise(where: string, value: string | null, timeoutMs: number): string {
  const is = value === null ? 'is' : `is ${value},`;
  return (
    `${MAX_TRANSACTION_TIMEOUT} of the ${where} ${is} below the ${timeoutMs} ms that our transactions need. Set it to ` +
    `${TRANSACTION_TIMEOUT_MS} or more in server.properties of every broker, and restart the brokers one after the other`
  );
}
