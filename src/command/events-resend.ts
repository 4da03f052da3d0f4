/**
 * `company-sync events resend <companyId>`: sends an announcement again, with its own event id, to a topic that you
 * name.
 */
import { shellQuoted } from '../lib/shell-command.js';
import { ALL_TOPICS, type PartsOf } from '../config-parts.js';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import { announcementSource } from '../domain/announcement.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import type { KafkaLogs } from '../kafka/reading/kafka-logs.js';
import { createPartitioner } from '../kafka/transactions/partitioner.js';
import { RecordSender } from '../kafka/topics/record-sender.js';
import { SchemaRegistry } from '../registry/schema-registry.js';
import { countPartitions, partitionsOf } from '../kafka/topics/topics.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { AnnouncedEvents } from '../ops/announced-events.js';
import { InstanceError } from '../ops/instance-client.js';
import { BrokerError } from '../pipeline/errors.js';
import { eventIdNamespace, eventIdOf } from '../publish/event-id.js';
import { loadEventTypes } from '../publish/event-types.js';
import { resentOf } from '../publish/resent-event.js';
import { command, requiredTextFlag, UsageError, type CommandContext } from './command.js';
import { commandLogs, LOGS_READ } from './command-logs.js';
import { readPartitions } from './read-partitions.js';
import { INSTANCES_READ, RunningInstances } from './running-instances.js';

/** An announcement and its place. */
interface Found {
  readonly record: LogRecord;
  readonly log: TopicPartition;
}

/** The running instances report that the company has no event. */
class NotAnnouncedError extends Error {
  override readonly name = 'NotAnnouncedError';
}

/** After one of these errors, the whole topic is read instead. */
const CANNOT_BE_ASKED = [InstanceError, BrokerError, RegistryUnavailableError];

const READS = [
  ...LOGS_READ,
  ...INSTANCES_READ,
  ...ALL_TOPICS,
  ...(['shadowOf', 'eventNamespace', 'schemaRegistry'] as const),
] as const;
type Part = (typeof READS)[number];
type ReadConfig = PartsOf<Part>;

export const eventsResendCommand = command({
  summary: 'send the announcement of a company again, with the same event id, to a topic that you name',
  argument: '<companyId>',
  flags: { to: requiredTextFlag('<topic>', 'events resend needs --to <topic>', 'topic to send to; it must exist') },
  reads: READS,
  moreHelp: `Key, value and headers are those of the announcement, byte for byte. One header is added: resent_from names the place of
the original, <topic>/<partition>/<offset>. Readers recognize the event by its eventId, so you can also send it to the topic
of the announcements itself. The command asks a running instance for the place of the announcement. If none runs, it reads
the whole topic. After retention has removed the announcement, it cannot be sent again.

  company-sync events resend acme-42 --to company-synchronized
`,
  exit: ['sent', 'the company was not announced, its event is no longer in the topic, or the brokers refused'],
  run: (context, { to }, companyId) => resend(context, to, companyId),
});

async function resend(context: CommandContext<Part>, to: string, companyId: string): Promise<number> {
  const { config, logger, print } = context;
  mustBeForAnnouncements(to, config);
  const kafka = kafkaConfigOf(config, logger);
  const partitions = await countPartitions(kafka, systemClock, to);
  if (partitions === null)
    throw new Error(`topic ${to} does not exist, and nothing was sent: create it, or pass another --to`);
  const outbound = config.topics.companySynchronized;
  const outboundPartitions = await partitionsOf(kafka, systemClock, outbound);
  const logs = commandLogs('events resend', context);
  let found: Found;
  try {
    found =
      (await findByAsking(context, companyId, logs, outboundPartitions)) ??
      (await findByReading(config, companyId, logs, outboundPartitions));
  } finally {
    await logs.close();
  }

  const { record, log } = found;
  const sender = await RecordSender.connect(kafka, systemClock);
  try {
    // If the partition counts are equal, use the same partition, whichever partitioner has chosen it.
    const same = partitions === outboundPartitions ? { partition: log.partition } : {};
    await sender.send(to, [{ ...resentOf(record, log), ...same }]);
  } finally {
    await sender.close();
  }
  print(
    `sent event ${eventIdIn(record)} of ${shellQuoted(companyId)} to ${to}, from ${outbound} ${log.partition}/${record.offset}`,
  );
  if (to === outbound) print(`${to} now has the event twice, with one eventId`);
  return 0;
}

/** @throws UsageError if the topic has another purpose */
function mustBeForAnnouncements(to: string, { topics, shadowOf }: ReadConfig): void {
  const deployments = [topics, ...(shadowOf === null ? [] : [shadowOf.topics])];
  for (const names of deployments)
    if (to !== names.companySynchronized && Object.values(names).includes(to))
      throw new UsageError([
        `--to is ${JSON.stringify(to)}: expected a topic for announcements, but this topic has another purpose`,
      ]);
}

/**
 * Asks a running instance for the record that completed the company, and finds the event in a handful of reads. Returns
 * null if no instance answers, or if the event is not at its expected place.
 * @throws NotAnnouncedError
 */
async function findByAsking(
  { config, logger, schemasFolder, printError }: CommandContext<Part>,
  companyId: string,
  logs: KafkaLogs,
  outboundPartitions: number,
): Promise<Found | null> {
  const { topics, applicationId } = config;
  const outbound = topics.companySynchronized;
  try {
    const { verdict, sentence, asOf, decidedBy } = await new RunningInstances(config, logger).explanation(companyId);
    if (verdict !== 'announced' || asOf === null || decidedBy === null)
      throw new NotAnnouncedError(`company ${shellQuoted(companyId)} has no event: ${sentence}`);
    const inputPartitions = await partitionsOf(kafkaConfigOf(config, logger), systemClock, topics.syncEvents);
    const partitioner = createPartitioner(inputPartitions, new Map([[outbound, outboundPartitions]]));
    const events = new AnnouncedEvents({
      logs,
      clock: systemClock,
      topic: outbound,
      schemas: new SchemaRegistry(config.schemaRegistry),
      schema: (await loadEventTypes(schemasFolder)).companySynchronizedSchema,
      partitionOf: (id, input) => partitioner.partitionFor(outbound, Buffer.from(id), input),
      sourceOf: (input) => announcementSource(applicationId, topics.syncEvents, input),
    });
    const source = { companyId, partition: asOf.partition, offset: decidedBy.offset };
    return await events.search(source, new AbortController().signal);
  } catch (error) {
    if (!(error instanceof Error) || !CANNOT_BE_ASKED.some((kind) => error instanceof kind)) throw error;
    printError(`${error.message}; reading all of ${outbound} instead`);
    return null;
  }
}

/** Reads the whole topic for the event id, which follows from the company. Returns the last event with that id. */
async function findByReading(
  config: ReadConfig,
  companyId: string,
  logs: KafkaLogs,
  partitions: number,
): Promise<Found> {
  const topic = config.topics.companySynchronized;
  const key = Buffer.from(companyId);
  const eventId = eventIdOf(companyId, eventIdNamespace(config.eventNamespace));
  let found: Found | null = null as Found | null;
  const fromStart = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]));
  await readPartitions(logs, topic, fromStart, (partition, records) => {
    for (const record of records)
      if (record.key?.equals(key) === true && eventIdIn(record) === eventId)
        found = { record, log: { topic, partition } };
  });
  if (found !== null) return found;
  throw new Error(
    `${topic} has no event of ${shellQuoted(companyId)}: it was not announced, or retention has removed the event ` +
      '(run `company-sync explain` to see which)',
  );
}

function eventIdIn({ headers }: LogRecord): string {
  return headers.find(({ key }) => key === 'ce_id')?.value?.toString() ?? '';
}
