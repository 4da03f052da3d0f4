/** Opens Kafka logs for a command that a person watches. */
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import type { LogKind } from '../kafka/reading/log-reader.js';
import { systemClock } from '../lib/system-clock.js';
import type { CommandContext } from './command.js';

/** The parts of the configuration that `commandLogs` reads. */
export const LOGS_READ = ['applicationId', 'kafka', 'maxBatchBytes'] as const;

/**
 * Opens logs; the caller closes them. Errors that are retried are printed to standard error, after the command's name.
 */
export function commandLogs(
  command: string,
  { config, logger, printError }: Pick<CommandContext<(typeof LOGS_READ)[number]>, 'config' | 'logger' | 'printError'>,
  kind: LogKind = 'uncompacted',
): KafkaLogs {
  return new KafkaLogs({
    config: kafkaConfigOf(config, logger),
    groupId: config.applicationId,
    clock: systemClock,
    kind,
    maxBatchBytes: config.maxBatchBytes,
    onTrouble: (_partition, error) => printError(`company-sync ${command}: ${error.message}`),
  });
}
