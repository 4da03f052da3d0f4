/**
 * The data-sync platform and the portal as the processor meets them: an ordinary kafkajs producer, and an encoding of
 * the contract's records that shares no code with the processor.
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
  /** Chosen by kafkajs's default partitioner on the key where it is not given. */
  readonly partition?: number;
  /** Milliseconds since the epoch; now where it is not given. */
  readonly timestamp?: number;
  readonly headers?: IHeaders;
}

/** What every record may be given besides its content. */
export type Envelope = Partial<Omit<PlatformRecord, 'value'>> & { readonly clientId?: string };

/** Where a record came to lie. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export interface Manifest {
  readonly linkId?: string;
  readonly connectionId?: string;
  readonly sourceType?: string;
  readonly companyName?: string;
  /** Ids, or ids with their types; `invoices` where there is only the id. */
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

/** Whoever a record's sender does not name. */
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

  /** The deployment's topics and schemas must be there. Close it. */
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

  /** The id that the schema of the input's records is registered under. */
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

  /** Writes to the input in this order, in one request. @returns where each came to lie */
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

  /** A client's choice in the portal; null takes it back (a tombstone). */
  async choose(clientId: string, synchronizedTrigger: TriggerChoice | null): Promise<void> {
    const { id, type } = this.#settings;
    const value = synchronizedTrigger === null ? null : framed(id, type.toBuffer({ clientId, synchronizedTrigger }));
    await this.#producer.send({ topic: this.#deployment.topics.settings, messages: [{ key: clientId, value }] });
  }

  #record(companyId: string, payload: object, { clientId = CLIENT, ...envelope }: Envelope): PlatformRecord {
    const event = { eventId: randomUUID(), companyId, clientId, occurredAt: envelope.timestamp ?? Date.now(), payload };
    return { key: companyId, value: framed(this.#events.id, this.#events.type.toBuffer(event)), ...envelope };
  }

  /** As any producer of the platform would choose; chosen here, so that it is known where records lie. */
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
