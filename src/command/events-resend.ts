/** `company-sync events resend <companyId>`: an announcement once more, under its own id, to a topic that is named. */
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { RegistryUnavailableError } from '../decode/schema-source.js';
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
import { commandLogs } from './command-logs.js';
import { printToStandardError } from './print.js';
import { readPartitions } from './read-partitions.js';
import { RunningInstances } from './running-instances.js';

/** Where an announcement lies. */
interface Found {
  readonly record: LogRecord;
  readonly at: TopicPartition;
}

/** The running instances say that there is no event. */
class NotAnnouncedError extends Error {
  override readonly name = 'NotAnnouncedError';
}

/** Any of these, and the topic is read instead. */
const CANNOT_BE_ASKED = [InstanceError, BrokerError, RegistryUnavailableError];

export const eventsResendCommand = command({
  summary: 'send the announcement of a company once more, under the same id, to a topic that you name',
  argument: '<companyId>',
  flags: { to: requiredTextFlag('<topic>', 'events resend needs --to <topic>', 'where to; it must exist') },
  lesson: `Its key, value and headers are those of the announcement, byte for byte, and a header resent_from says where that is:
<topic>/<partition>/<offset>. Its readers know it by its eventId, so that it may be sent to the topic of the
announcements themselves too. A running instance tells where it is; if none runs, the whole topic is read. Once
retention has removed it, it cannot be sent again.

  company-sync events resend acme-42 --to company-synchronized
`,
  exit: ['sent', 'the company was not announced, its event is gone, or the brokers refused'],
  run: (context, { to }, companyId) => resend(context, to, companyId),
});

async function resend(
  { config, logger, schemasFolder, print }: CommandContext,
  to: string,
  companyId: string,
): Promise<number> {
  mustBeForAnnouncements(to, config);
  const kafka = kafkaConfigOf(config, logger);
  const partitions = await countPartitions(kafka, systemClock, to);
  if (partitions === null) throw new Error(`topic ${to} does not exist, and nothing was sent`);
  const outbound = config.topics.companySynchronized;
  const outboundPartitions = await partitionsOf(kafka, systemClock, outbound);
  const logs = commandLogs('events resend', config, logger);
  let found: Found;
  try {
    found =
      (await findByAsking(config, companyId, logger, schemasFolder, logs, outboundPartitions)) ??
      (await findByReading(config, companyId, logs, outboundPartitions));
  } finally {
    await logs.close();
  }

  const { record, at } = found;
  const sender = await RecordSender.connect(kafka);
  try {
    // As many partitions: in the same one, whatever partitioner has put the company there.
    const same = partitions === outboundPartitions ? { partition: at.partition } : {};
    await sender.send(to, [{ ...resentOf(record, at), ...same }]);
  } finally {
    await sender.close();
  }
  print(`event ${eventIdIn(record)} of ${companyId} sent to ${to}, from ${outbound} ${at.partition}/${record.offset}`);
  if (to === outbound) print(`${to} has it twice now, under one eventId`);
  return 0;
}

/** @throws UsageError if the topic has another purpose */
function mustBeForAnnouncements(to: string, { topics, shadowOf }: Config): void {
  const deployments = [topics, ...(shadowOf === null ? [] : [shadowOf.topics])];
  for (const names of deployments)
    if (to !== names.companySynchronized && Object.values(names).includes(to))
      throw new UsageError([
        `--to is ${JSON.stringify(to)}: expected a topic for announcements, and this one has another purpose`,
      ]);
}

/**
 * By the record that completed the company, which a running instance knows: a handful of reads. Null where nobody can be
 * asked, or the event is not where it should be.
 * @throws NotAnnouncedError
 */
async function findByAsking(
  config: Config,
  companyId: string,
  logger: Logger,
  schemasFolder: string,
  logs: KafkaLogs,
  outboundPartitions: number,
): Promise<Found | null> {
  const { topics, applicationId } = config;
  const outbound = topics.companySynchronized;
  try {
    const { verdict, sentence, asOf, decidedBy } = await new RunningInstances(config, logger).explanation(companyId);
    if (verdict !== 'announced' || asOf === null || decidedBy === null)
      throw new NotAnnouncedError(`there is no event of ${companyId}: ${sentence}`);
    const inputPartitions = await partitionsOf(kafkaConfigOf(config, logger), systemClock, topics.syncEvents);
    const partitioner = createPartitioner(inputPartitions, new Map([[outbound, outboundPartitions]]));
    const events = new AnnouncedEvents({
      logs,
      clock: systemClock,
      topic: outbound,
      schemas: new SchemaRegistry(config.schemaRegistry),
      schema: (await loadEventTypes(schemasFolder)).companySynchronizedSchema,
      partitionOf: (id, input) => partitioner.partitionFor(outbound, Buffer.from(id), input),
      sourceOf: (input) => `/${applicationId}/${topics.syncEvents}/${input}`,
    });
    const source = { companyId, partition: asOf.partition, offset: decidedBy.offset };
    return await events.search(source, new AbortController().signal);
  } catch (error) {
    if (!(error instanceof Error) || !CANNOT_BE_ASKED.some((kind) => error instanceof kind)) throw error;
    printToStandardError(`${error.message}; reading all of ${outbound} instead`);
    return null;
  }
}

/** By the event's id, which follows from the company: the latest of those that the topic has. */
async function findByReading(config: Config, companyId: string, logs: KafkaLogs, partitions: number): Promise<Found> {
  const topic = config.topics.companySynchronized;
  const key = Buffer.from(companyId);
  const eventId = eventIdOf(companyId, eventIdNamespace(config.eventNamespace));
  let found: Found | null = null as Found | null;
  const all = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]));
  await readPartitions(logs, topic, all, (partition, records) => {
    for (const record of records)
      if (record.key?.equals(key) === true && eventIdIn(record) === eventId)
        found = { record, at: { topic, partition } };
  });
  if (found !== null) return found;
  throw new Error(
    `${topic} has no event of ${companyId}: it was not announced, or retention has removed the event ` +
      '(`company-sync explain` tells which)',
  );
}

function eventIdIn({ headers }: LogRecord): string {
  return headers.find(({ key }) => key === 'ce_id')?.value?.toString() ?? '';
}
