/**
 * Plays the data-sync platform and the portal: an ordinary kafkajs producer, and an encoding of the contract's records
 * that shares no code with the processor.
 */
import { randomUUID } from 'node:crypto';
import avro from 'avsc';
import { Partitioners, type IHeaders, type Message, type Producer } from 'kafkajs';
import type { Deployment } from '../../testkit/deployment.js';
import { newestSchema, type Subject } from '../../testkit/schema-file.js';
import { plainClient } from './topics.js';

export interface PlatformRecord {
  readonly key: string | Buffer | null;
  readonly value: Buffer | null;
  /** If it is not given, kafkajs's default partitioner chooses the partition from the key. */
  readonly partition?: number;
  /** Milliseconds since the epoch; the present time if it is not given. */
  readonly timestamp?: number;
  readonly headers?: IHeaders;
}

/** Options of every record, in addition to its content. */
export type Envelope = Partial<Omit<PlatformRecord, 'value'>> & { readonly clientId?: string };

/** The place of a written record. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export interface Manifest {
  readonly linkId?: string;
  readonly connectionId?: string;
  readonly sourceType?: string;
  readonly companyName?: string;
  /** Dataset ids, or ids with their data types. The type of an id without a type is `invoices`. */
  readonly datasets: readonly (string | { readonly datasetId: string; readonly dataType: string })[];
  readonly isFinal?: boolean;
}

export interface StatusDetails {
  readonly connectionId?: string;
  readonly dataType?: string;
  readonly trigger?: 'LINK' | 'REFRESH' | 'UNKNOWN';
  readonly revision?: number;
}

export type TriggerChoice = 'FIRST_DATASET' | 'ALL_DATASETS';

interface Registered {
  readonly id: number;
  readonly type: avro.Type;
}

/** The client of a record if the caller names none. */
const CLIENT = 'client-1';
const CONNECTION = 'connection-1';

export class Platform {
  readonly #deployment: Deployment;
  readonly #producer: Producer;
  readonly #events: Registered;
  readonly #settings: Registered;
  readonly #partitioner = Partitioners.DefaultPartitioner();

  private constructor(deployment: Deployment, producer: Producer, events: Registered, settings: Registered) {
    this.#deployment = deployment;
    this.#producer = producer;
    this.#events = events;
    this.#settings = settings;
  }

  /** The deployment's topics and schemas must exist. Call `close` at the end. */
  static async connect(deployment: Deployment, client = plainClient(deployment.bootstrap)): Promise<Platform> {
    const { topics } = deployment;
    const [events, settings] = await Promise.all([
      registered(deployment, topics.events, 'sync-events-value'),
      registered(deployment, topics.settings, 'client-settings-value'),
    ]);
    const producer = client.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    return new Platform(deployment, producer, events, settings);
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }

  /** The id of the registered schema of the input's records. */
  get eventSchemaId(): number {
    return this.#events.id;
  }

  manifest(companyId: string, manifest: Manifest, envelope: Envelope = {}): PlatformRecord {
    const { linkId = 'link-1', connectionId = CONNECTION, sourceType = 'accounting', isFinal = true } = manifest;
    const companyName = manifest.companyName ?? `Name of ${companyId}`;
    const datasets = manifest.datasets.map((dataset) =>
      typeof dataset === 'string' ? { datasetId: dataset, dataType: 'invoices' } : dataset,
    );
    const payload = { linkId, connectionId, sourceType, companyName, datasets, isFinal };
    return this.#record(companyId, { 'companysync.LinkSyncQueued': payload }, envelope);
  }

  status(
    companyId: string,
    datasetId: string,
    status: string,
    details: StatusDetails = {},
    envelope: Envelope = {},
  ): PlatformRecord {
    const { connectionId = CONNECTION, dataType = 'invoices', trigger = 'LINK', revision = null } = details;
    const payload = { datasetId, connectionId, dataType, status, trigger, revision, errorMessage: null };
    return this.#record(companyId, { 'companysync.DatasetStatusChanged': payload }, envelope);
  }

  unlink(companyId: string, connectionId = CONNECTION, envelope: Envelope = {}): PlatformRecord {
    return this.#record(companyId, { 'companysync.ConnectionUnlinked': { connectionId } }, envelope);
  }

  deletion(companyId: string, envelope: Envelope = {}): PlatformRecord {
    return this.#record(companyId, { 'companysync.CompanyDeleted': {} }, envelope);
  }

  /** @param payload a branch of `SyncEvent.payload`, under its full name */
  event(companyId: string, payload: object, envelope: Envelope = {}): PlatformRecord {
    return this.#record(companyId, payload, envelope);
  }

  /** A company of one dataset, from its manifest to Complete: it is announced by the second record. */
  completeCompany(companyId: string, envelope: Envelope = {}): PlatformRecord[] {
    const datasetId = `dataset of ${companyId}`;
    return [
      this.manifest(companyId, { datasets: [datasetId] }, envelope),
      this.status(companyId, datasetId, 'Complete', {}, envelope),
    ];
  }

  /** Writes the records to the input in this order, in one request. @returns the place of each record */
  async send(records: readonly PlatformRecord[]): Promise<Place[]> {
    const { topics, partitions } = this.#deployment;
    const messages = records.map((record) => ({ ...toMessage(record), partition: this.#partitionOf(record) }));
    const sent = await this.#producer.send({ topic: topics.events, messages });
    const next = new Map(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
    return messages.map(({ partition }) => {
      const offset = next.get(partition);
      if (offset === undefined) throw new Error(`nothing was written to partition ${partition} of ${partitions}`);
      next.set(partition, offset + 1);
      return { partition, offset };
    });
  }

  /** Writes a client's choice in the portal; null withdraws it (a tombstone). */
  async choose(clientId: string, synchronizedTrigger: TriggerChoice | null): Promise<void> {
    const { id, type } = this.#settings;
    const value = synchronizedTrigger === null ? null : framed(id, type.toBuffer({ clientId, synchronizedTrigger }));
    await this.#producer.send({ topic: this.#deployment.topics.settings, messages: [{ key: clientId, value }] });
  }

  #record(companyId: string, payload: object, { clientId = CLIENT, ...envelope }: Envelope): PlatformRecord {
    const event = { eventId: randomUUID(), companyId, clientId, occurredAt: envelope.timestamp ?? Date.now(), payload };
    return { key: companyId, value: framed(this.#events.id, this.#events.type.toBuffer(event)), ...envelope };
  }

  /**
   * Chooses the partition as any producer of the platform would. It is chosen here so that the test knows the partition
   * of each record.
   */
  #partitionOf(record: PlatformRecord): number {
    if (record.partition !== undefined) return record.partition;
    const { topics, partitions } = this.#deployment;
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
      partitionId,
      leader: 1,
      replicas: [],
      isr: [],
      partitionErrorCode: 0,
    }));
    return this.#partitioner({ topic: topics.events, partitionMetadata, message: toMessage(record) });
  }
}

/** The Confluent wire format: a zero byte, the schema id as a big-endian int32, then the Avro value. */
export function framed(schemaId: number, avroValue: Buffer): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(schemaId, 1);
  return Buffer.concat([frame, avroValue]);
}

function toMessage({ key, value, timestamp, headers }: PlatformRecord): Message {
  return {
    key,
    value,
    ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    ...(headers === undefined ? {} : { headers }),
  };
}

async function registered(deployment: Deployment, topic: string, subject: Subject): Promise<Registered> {
  const { registryUrl, schemasFolder } = deployment;
  const schema = newestSchema(schemasFolder, subject) as avro.Schema;
  const url = `${registryUrl}/subjects/${encodeURIComponent(`${topic}-value`)}/versions/latest`;
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  const { id } = (await response.json()) as { readonly id: number };
  return { id, type: avro.Type.forSchema(schema) };
}
