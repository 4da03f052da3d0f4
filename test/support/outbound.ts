/**
 * Reads the topics as a downstream reader does, and the offsets of the processor's group. Uses only kafkajs and avsc.
 */
import avro from 'avsc';
import { schemaIdOf } from '../../testkit/audit/avro-values.js';
import { readTopics } from '../../testkit/audit/read-topics.js';
import { fetchSchemasOf } from '../../testkit/audit/registered-schemas.js';
import { headerTexts, type TopicRecord } from '../../testkit/audit/topic-record.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import type { Deployment } from '../../testkit/deployment.js';
import { newestSchema, type Subject } from '../../testkit/schema-file.js';
import type { Place } from './platform.js';
import { plainClient } from './topics.js';

/** The fields of `CompanySynchronized`. */
export interface SynchronizedEvent {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: number;
  readonly trigger: string;
  readonly connections: readonly { readonly connectionId: string; readonly sourceType: string }[];
  readonly datasets: readonly {
    readonly datasetId: string;
    readonly dataType: string;
    readonly connectionId: string;
    readonly status: string;
    readonly decidedAtOffset: number;
  }[];
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly linkedAt: number | null;
}

export interface Announced {
  readonly record: TopicRecord;
  readonly event: SynchronizedEvent;
}

const CONSUMED_TIMEOUT_MS = 60_000;

/**
 * Resolves once the group has committed an offset above each of the records. Their results are then in the committed
 * log.
 */
export async function consumed(deployment: Deployment, places: readonly Place[]): Promise<void> {
  const needed = new Map<number, number>();
  for (const { partition, offset } of places) needed.set(partition, Math.max(offset + 1, needed.get(partition) ?? 0));
  const admin = plainClient(deployment.bootstrap).admin();
  await admin.connect();
  try {
    const look = async () => {
      const committed = await committedOffsets(admin, deployment);
      return [...needed].every(([partition, offset]) => (committed.get(partition) ?? -1) >= offset);
    };
    const awaited = `${deployment.applicationId} has consumed ${JSON.stringify(Object.fromEntries(needed))}`;
    await pollUntil(look, { awaited, timeoutMs: CONSUMED_TIMEOUT_MS });
  } finally {
    await admin.disconnect();
  }
}

/** Resolves once the group has committed the whole input, including transaction markers at its end. */
export async function consumedToEnd(deployment: Deployment): Promise<void> {
  const { bootstrap, applicationId, topics } = deployment;
  const admin = plainClient(bootstrap).admin();
  await admin.connect();
  try {
    const look = async () => {
      const ends = await admin.fetchTopicOffsets(topics.events);
      const committed = await committedOffsets(admin, deployment);
      return ends.every(({ partition, high }) => high === '0' || committed.get(partition) === Number(high));
    };
    await pollUntil(look, { awaited: `${applicationId} has consumed everything`, timeoutMs: CONSUMED_TIMEOUT_MS });
  } finally {
    await admin.disconnect();
  }
}

/** The group's offset of one partition of the input; -1 if no offset is committed. */
export async function committedOffset(deployment: Deployment, partition: number): Promise<number> {
  const admin = plainClient(deployment.bootstrap).admin();
  await admin.connect();
  try {
    return (await committedOffsets(admin, deployment)).get(partition) ?? -1;
  } finally {
    await admin.disconnect();
  }
}

async function committedOffsets(
  admin: ReturnType<ReturnType<typeof plainClient>['admin']>,
  { applicationId, topics }: Deployment,
): Promise<Map<number, number>> {
  const [topic] = await admin.fetchOffsets({ groupId: applicationId, topics: [topics.events] });
  return new Map(topic?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}

/**
 * All announcements in the committed log, in the order of partitions and offsets. An older release may have written some,
 * by an older version of the schema.
 */
export async function announcements(deployment: Deployment): Promise<Announced[]> {
  const reader = avro.Type.forSchema(
    newestSchema(deployment.schemasFolder, 'company-synchronized-value') as avro.Schema,
  );
  const { topics, partitions, registryUrl } = deployment;
  const records = await committedRecords(deployment, topics.synchronized);
  const registered = await fetchSchemasOf(registryUrl, [{ topic: topics.synchronized, partitions, records }]);
  const resolvers = new Map(
    [...registered].map(([id, schema]) => [id, reader.createResolver(avro.Type.forSchema(schema as avro.Schema))]),
  );
  return records.map((record) => {
    if (record.value === null) throw new Error('an announcement has no value');
    const resolver = resolvers.get(schemaIdOf(record.value) ?? -1);
    return { record, event: reader.fromBuffer(record.value.subarray(5), resolver) as SynchronizedEvent };
  });
}

/**
 * The companies announced, sorted, one entry for each announcement. A company that was announced twice has two entries.
 * Needs no schema, so the registry may be down.
 */
export async function announcedCompanies(deployment: Deployment): Promise<string[]> {
  const records = await committedRecords(deployment, deployment.topics.synchronized);
  return records.map(({ key }) => String(key)).sort();
}

/** Every dead letter as `<partition>/<offset> <code>` of the record that it keeps, sorted. */
export async function deadLetterCodes(deployment: Deployment): Promise<string[]> {
  const records = await committedRecords(deployment, deployment.topics.deadLetters);
  const text = (record: TopicRecord, key: string) => headerTexts(record.headers, key).at(-1);
  return records.map((r) => `${text(r, 'dl_partition')}/${text(r, 'dl_offset')} ${text(r, 'dl_code')}`).sort();
}

/** All committed records of a topic. */
export async function committedRecords(deployment: Deployment, topic: string): Promise<readonly TopicRecord[]> {
  const [contents] = await readTopics(plainClient(deployment.bootstrap), [topic]);
  if (contents === undefined) throw new Error(`${topic} was not read`);
  return contents.records;
}

/** Returns a function that reads the value of an event as JSON, by the newest schema of its topic. */
export function eventReader({ schemasFolder }: Deployment, subject: Subject): (record: TopicRecord) => unknown {
  const type = avro.Type.forSchema(newestSchema(schemasFolder, subject) as avro.Schema);
  return ({ value }) => JSON.parse(type.toString(type.fromBuffer((value as Buffer).subarray(5)))) as unknown;
}
