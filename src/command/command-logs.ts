/** Reading logs for a command that a person looks at. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import type { LogKind } from '../kafka/reading/log-reader.js';
import { systemClock } from '../lib/system-clock.js';
import { printToStandardError } from './print.js';

/** Close them. Failures that are being tried again are told on standard error, under the command's name. */
export function commandLogs(command: string, config: Config, logger: Logger, kind: LogKind = 'whole'): KafkaLogs {
  return new KafkaLogs({
    config: kafkaConfigOf(config, logger),
    groupId: config.applicationId,
    clock: systemClock,
    kind,
    maxBatchBytes: config.maxBatchBytes,
    onTrouble: (_at, error) => printToStandardError(`company-sync ${command}: ${error.message}`),
  });
}
