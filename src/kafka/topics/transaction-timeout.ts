/** The time-out of our transactions, and whether the brokers allow it. */
import type { Clock } from '../../lib/clock.js';
import { BrokerSettingError } from '../../pipeline/errors.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { TopicAdmin } from './topic-admin.js';

/** Transactions that are open for longer are aborted by the coordinator, so that readers are not kept waiting. */
export const TRANSACTION_TIMEOUT_MS = 20_000;
export const MAX_TRANSACTION_TIMEOUT = 'transaction.max.timeout.ms';

/** InitProducerId was refused with INVALID_TRANSACTION_TIMEOUT. */
export function timeoutRefused(transactionalId: string, timeoutMs: number): BrokerSettingError {
  return new BrokerSettingError(
    `InitProducerId for ${transactionalId} was refused: ${raise('brokers', null, timeoutMs)}`,
  );
}

/**
 * The faults of the setting of the brokers. Empty also if they do not tell the setting, which takes the right to describe
 * the configs of the cluster: then the fencing of a partition reports the fault.
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
    `${MAX_TRANSACTION_TIMEOUT} of the ${where} ${is} below the ${timeoutMs} ms that our transactions ask for. Set it to ` +
    `${TRANSACTION_TIMEOUT_MS} or more in server.properties of every broker, and restart them one after the other`
  );
}
