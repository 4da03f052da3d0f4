/** Opens Kafka logs for a command that a person watches. */
import { steadyMs } from '../lib/stopwatch.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { KafkaLogs, type KafkaLogsOptions } from '../kafka/reading/kafka-logs.js';
import type { OnTrouble } from '../kafka/reading/log-fetcher.js';
import { systemClock } from '../lib/system-clock.js';
import type { CommandContext } from './command.js';
import { reasonOf } from '../lib/reason-of.js';
import { RepeatedLines, withoutNumbers } from '../lib/repeated-lines.js';

/** The parts of the configuration that `commandLogs` reads. */
export const LOGS_READ = ['applicationId', 'kafka', 'maxBatchBytes'] as const;

/**
 * A record may have an eighth of MAX_BATCH_BYTES, and its dead letter takes up to 64 KiB more than the record. Commands must
 * read that dead letter too.
 */
const EXTRA_BATCH_BYTES = 8 * 64 * 1024;

interface CommandLogsOptions extends Pick<KafkaLogsOptions, 'topics' | 'cluster' | 'reuseMemory'> {
  /** Read only what an instance can read too: the command judges which batches stop one. */
  readonly asInstances?: boolean;
}

/**
 * Opens logs; the caller closes them. Errors that are retried are printed to standard error, after the command's name.
 */
export function commandLogs(
  command: string,
  { config, logger, printError }: Pick<CommandContext<(typeof LOGS_READ)[number]>, 'config' | 'logger' | 'printError'>,
  { asInstances = false, ...options }: CommandLogsOptions = {},
): KafkaLogs {
  return new KafkaLogs({
    ...options,
    config: kafkaConfigOf(config, logger),
    groupId: config.applicationId,
    clock: systemClock,
    maxBatchBytes: config.maxBatchBytes + (asInstances ? 0 : EXTRA_BATCH_BYTES),
    onTrouble: troublePrinter((line) => printError(`company-sync ${command}: ${line}`)),
  });
}

/**
 * Prints errors that are retried, each cause at most once a minute. In an outage, every request of every partition
 * fails several times a second, and that many lines would hide the last one, which says what to do.
 */
export function troublePrinter(printError: (line: string) => void, now = () => steadyMs(systemClock)): OnTrouble {
  const repeats = new RepeatedLines(now);
  return (_at, error) => {
    const reason = reasonOf(error);
    const leftOut = repeats.take(withoutNumbers(reason));
    if (leftOut === null) return;
    printError(leftOut === 0 ? reason : `${reason} (${leftOut} similar errors before this one were not printed)`);
  };
}
