/** Sends records to the input by their keys, as the producers of the platform do. */
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { placementByKey } from '../kafka/topics/keyed-by-default.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import type { Logs } from '../pipeline/ports.js';
import type { SyncEventRecords } from '../publish/sync-event-json.js';
import type { CommandContext } from './command.js';
import { commandLogs, LOGS_READ } from './command-logs.js';
import { INPUT_SCHEMA_READS } from './schemas.js';

/** The parts of the configuration that `withInputSender` reads. */
export const INPUT_SENDER_READS = [...LOGS_READ, ...INPUT_SCHEMA_READS] as const;
type Part = (typeof INPUT_SENDER_READS)[number];

interface Sending {
  /** The words of the command. */
  readonly command: string;
  /** Knows the values that this deployment's commands have written. */
  readonly records: Pick<SyncEventRecords, 'payloadOf'>;
}

/**
 * Lets `use` send records to the input. Checks first that their keys lead to the partitions of their companies.
 * @throws Error if the platform uses another partitioner; BrokerError; what `use` throws
 */
export async function withInputSender<T>(
  context: CommandContext<Part>,
  { command, records }: Sending,
  use: (sender: RecordSender) => Promise<T>,
): Promise<T> {
  const { config, logger } = context;
  const kafka = kafkaConfigOf(config, logger);
  const topic = config.topics.syncEvents;
  const partitions = await partitionsOf(kafka, systemClock, topic);
  const logs = commandLogs(command, context);
  try {
    const companies = await mustBeKeyedByDefault(logs, topic, partitions, records);
    if (companies === 0) context.printError(nothingShown(topic));
  } finally {
    await logs.close();
  }
  const sender = await RecordSender.connect(kafka, systemClock);
  try {
    return await use(sender);
  } finally {
    await sender.close();
  }
}

/**
 * @throws Error if the platform writes records to other partitions: all records of a company must be in one partition.
 *   Also if it may do so
 * @returns the number of companies whose records show that; if 0, nothing is known
 */
export async function mustBeKeyedByDefault(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  partitions: number,
  records: Pick<SyncEventRecords, 'payloadOf'>,
): Promise<number> {
  // A command may have written many of these, and a command always uses the default partitioner.
  const isPlatforms = ({ value }: LogRecord) => records.payloadOf(value) !== 'AnnouncedElsewhere';
  const { keys, foreign } = await placementByKey(logs, topic, partitions, isPlatforms);
  if (foreign === null) return keys;
  const { partition, offset, defaultPartition, mayBeOlder } = foreign;
  const where = `record ${partition}/${offset} of ${topic} would be in partition ${defaultPartition}`;
  if (mayBeOlder)
    throw new Error(
      `the platform may not use Kafka's default partitioner: ${where}. This record and others may also be from before a ` +
        `repartition, but too few companies have such records to tell. Nothing was sent, because the records may not ` +
        `reach the companies' state. If the producers use the default partitioner, run this command again when they have ` +
        `written records of more companies. Otherwise ask the platform team to write these records with their own producer`,
    );
  throw new Error(
    `the platform does not use Kafka's default partitioner: ${where}. Nothing was sent, because the records would not ` +
      `reach the companies' state: ask the platform team to write these records with their own producer`,
  );
}

function nothingShown(topic: string): string {
  return (
    `warning: the platform has written nothing to ${topic} that shows its partitioner. These records are sent by Kafka's ` +
    "default partitioner (murmur2 of the key). If the platform's producers use another one, for example the default of " +
    'librdkafka (CRC-32), the records do not reach the state of their companies. Then ask the platform team to write them'
  );
}
