/**
 * The encoding of the records that the data-sync platform and the portal write. It shares no code with the processor.
 */
import avro from 'avsc';
import { newestSchema, type Subject } from './schema-file.js';

export interface QueuedDataset {
  readonly datasetId: string;
  readonly dataType: string;
}

/** A branch of `SyncEvent.payload`, under the name that Avro's JSON encoding gives it. */
export type PlatformPayload =
  | {
      readonly 'companysync.LinkSyncQueued': {
        readonly linkId: string;
        readonly connectionId: string;
        readonly sourceType: string;
        readonly companyName: string;
        readonly datasets: readonly QueuedDataset[];
        readonly isFinal: boolean;
      };
    }
  | {
      readonly 'companysync.DatasetStatusChanged': QueuedDataset & {
        readonly connectionId: string;
        readonly status: string;
        readonly trigger: 'LINK' | 'REFRESH' | 'UNKNOWN';
        readonly revision: number | null;
        readonly errorMessage: string | null;
      };
    }
  | { readonly 'companysync.ConnectionUnlinked': { readonly connectionId: string } }
  | { readonly 'companysync.CompanyDeleted': object };

export interface PlatformEvent {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  /** Milliseconds since the epoch. */
  readonly occurredAt: number;
  readonly payload: PlatformPayload;
}

export type TriggerChoice = 'FIRST_DATASET' | 'ALL_DATASETS';

interface RegisteredType {
  readonly id: number;
  readonly type: avro.Type;
}

export class PlatformEncoder {
  readonly #events: RegisteredType;
  readonly #settings: RegisteredType;

  constructor(events: RegisteredType, settings: RegisteredType) {
    this.#events = events;
    this.#settings = settings;
  }

  event(event: PlatformEvent): Buffer {
    return framed(this.#events.id, this.#events.type.toBuffer(event));
  }

  setting(clientId: string, synchronizedTrigger: TriggerChoice): Buffer {
    return framed(this.#settings.id, this.#settings.type.toBuffer({ clientId, synchronizedTrigger }));
  }
}

/** The Confluent wire format: a zero byte, the schema id as a big-endian int32, then the Avro value. */
export function framed(schemaId: number, avroValue: Buffer): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(schemaId, 1);
  return Buffer.concat([frame, avroValue]);
}

/**
 * Looks up the ids of the registered schemas.
 *
 * @param topics names of the topics, which give the names of the subjects
 * @param schemasFolder the repository's `schemas`
 */
export async function createPlatformEncoder(
  registryUrl: string,
  topics: { readonly events: string; readonly settings: string },
  schemasFolder: string,
): Promise<PlatformEncoder> {
  const registered = async (topic: string, subject: Subject): Promise<RegisteredType> => {
    const schema = newestSchema(schemasFolder, subject) as avro.Schema;
    return { id: await latestSchemaId(registryUrl, `${topic}-value`), type: avro.Type.forSchema(schema) };
  };
  return new PlatformEncoder(
    await registered(topics.events, 'sync-events-value'),
    await registered(topics.settings, 'client-settings-value'),
  );
}

/** The id of the newest schema of a subject. */
export async function latestSchemaId(registryUrl: string, subject: string): Promise<number> {
  const url = `${registryUrl}/subjects/${encodeURIComponent(subject)}/versions/latest`;
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { readonly id: number }).id;
}
