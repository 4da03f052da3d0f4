/** Reads logs for a command that a person watches. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import type { LogKind } from '../kafka/reading/log-reader.js';
import { systemClock } from '../lib/system-clock.js';
import { printToStandardError } from './print.js';

/**
 * Opens logs; the caller closes them. Errors that are retried are printed to standard error, after the command's name.
 */
export function commandLogs(command: string, config: Config, logger: Logger, kind: LogKind = 'uncompacted'): KafkaLogs {
  return new KafkaLogs({
    config: kafkaConfigOf(config, logger),
    groupId: config.applicationId,
    clock: systemClock,
    kind,
    maxBatchBytes: config.maxBatchBytes,
    onTrouble: (_partition, error) => printToStandardError(`company-sync ${command}: ${error.message}`),
  });
}
