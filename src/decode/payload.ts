/**
 * Reads the branches of `SyncEvent.payload` as the domain's payloads, and checks the limits of one record before
 * anything is loaded for it. Fields that are not named here are not used.
 */
import { createHash } from 'node:crypto';
import type { RecordShapes } from '../avro/record-shape.js';
import type { DatasetStatusChanged, LinkSyncQueued, Payload, SyncTrigger } from '../domain/events.js';
import { MAX_NAMED_DATASETS, MAX_TEXT_BYTES, utf8Bytes, type LimitExceeded } from '../domain/limits.js';

/** A status as it was read. Two of its fields are only checked against limits; the domain does not use them. */
export interface ReadStatus extends DatasetStatusChanged {
  readonly connectionId: string;
  readonly dataType: string;
}

export type ReadPayload = Exclude<Payload, DatasetStatusChanged> | ReadStatus;

/** The schema's record for each payload, without its namespace. */
export const RECORD_NAMES = {
  manifest: 'LinkSyncQueued',
  status: 'DatasetStatusChanged',
  unlinked: 'ConnectionUnlinked',
  deleted: 'CompanyDeleted',
  'announced-elsewhere': 'AnnouncedElsewhere',
} as const satisfies Record<Payload['kind'], string>;

type PayloadRecord = (typeof RECORD_NAMES)[Payload['kind']];

const DELETED: Payload = Object.freeze({ kind: 'deleted' });
const ANNOUNCED_ELSEWHERE: Payload = Object.freeze({ kind: 'announced-elsewhere' });

export const PAYLOAD_SHAPES = {
  DatasetStatusChanged: {
    used: ['datasetId', 'connectionId', 'dataType', 'status', 'trigger', 'revision'],
    ids: ['datasetId'],
    make: (
      datasetId: string,
      connectionId: string,
      dataType: string,
      status: string,
      trigger: SyncTrigger,
      revision: number | bigint | null,
    ): ReadStatus => ({
      kind: 'status',
      datasetId,
      connectionId,
      dataType,
      status,
      trigger,
      revision,
    }),
  },
  LinkSyncQueued: {
    used: ['linkId', 'connectionId', 'sourceType', 'companyName', 'datasets', 'isFinal'],
    ids: ['linkId', 'connectionId'],
    make: (
      linkId: string,
      connectionId: string,
      sourceType: string,
      companyName: string,
      datasets: readonly { readonly datasetId: string; readonly dataType: string }[],
      isFinal: boolean,
    ): Payload => ({
      kind: 'manifest',
      linkId,
      connectionId,
      sourceType,
      companyName,
      datasets,
      isFinal,
    }),
  },
  QueuedDataset: {
    used: ['datasetId', 'dataType'],
    ids: ['datasetId'],
    make: (datasetId: string, dataType: string) => ({ datasetId, dataType }),
  },
  ConnectionUnlinked: {
    used: ['connectionId'],
    ids: ['connectionId'],
    make: (connectionId: string): Payload => ({ kind: 'unlinked', connectionId }),
  },
  CompanyDeleted: { used: [], make: () => DELETED },
  AnnouncedElsewhere: { used: [], make: () => ANNOUNCED_ELSEWHERE },
} satisfies RecordShapes & Record<PayloadRecord, unknown>;

/** Leaves out the fields that are only checked against limits. */
export function payloadOf(read: ReadPayload): Payload {
  if (read.kind !== 'status') return read;
  const { kind, datasetId, status, trigger, revision } = read;
  return { kind, datasetId, status, trigger, revision };
}

interface ReadEvent {
  readonly companyId: string;
  readonly clientId: string;
  readonly payload: ReadPayload;
}

/** Texts of up to this many characters are within the limit, whatever their characters are. */
const SURELY_SHORT_CHARS = Math.floor(MAX_TEXT_BYTES / 3);

/** The limit that a record exceeds by itself, whatever its company has; null if it exceeds none. */
export function exceedsRecordLimits({ companyId, clientId, payload }: ReadEvent): LimitExceeded | null {
  if (payload.kind === 'manifest' && namesTooMany(payload))
    return { code: 'too-many-datasets', why: `it names more than ${MAX_NAMED_DATASETS} datasets` };
  const ofEvent = longText('companyId', companyId) ?? longText('clientId', clientId);
  if (ofEvent !== null) return ofEvent;
  switch (payload.kind) {
    case 'status':
      return longTextOfStatus(payload);
    case 'manifest':
      return longTextOfManifest(payload);
    case 'unlinked':
      return longText('connectionId', payload.connectionId);
    case 'deleted':
    case 'announced-elsewhere':
      return null;
  }
}

function longTextOfStatus({ datasetId, connectionId, dataType, status }: ReadStatus): LimitExceeded | null {
  return (
    longText('datasetId', datasetId) ??
    longText('status', status) ??
    longText('connectionId', connectionId) ??
    longText('dataType', dataType)
  );
}

function longTextOfManifest(manifest: LinkSyncQueued): LimitExceeded | null {
  const { linkId, connectionId, sourceType, companyName, datasets } = manifest;
  const ofLink =
    longText('linkId', linkId) ??
    longText('connectionId', connectionId) ??
    longText('sourceType', sourceType) ??
    longText('companyName', companyName);
  if (ofLink !== null) return ofLink;
  for (const { datasetId, dataType } of datasets) {
    const ofDataset = longText('datasetId', datasetId) ?? longText('dataType', dataType);
    if (ofDataset !== null) return ofDataset;
  }
  return null;
}

/**
 * Counts different datasetIds. A Set compares long texts of equal length one by one, because V8 hashes a text of more
 * than 16,383 characters by its length alone. So the digest of a long id stands for the id.
 */
function namesTooMany({ datasets }: LinkSyncQueued): boolean {
  if (datasets.length <= MAX_NAMED_DATASETS) return false;
  const ids = new Set<string>();
  const digests = new Set<string>();
  for (const { datasetId } of datasets) {
    if (datasetId.length <= MAX_TEXT_BYTES) ids.add(datasetId);
    else digests.add(createHash('sha256').update(datasetId).digest('base64'));
    if (ids.size + digests.size > MAX_NAMED_DATASETS) return true;
  }
  return false;
}

function longText(field: string, text: string): LimitExceeded | null {
  if (text.length <= SURELY_SHORT_CHARS) return null;
  const bytes = utf8Bytes(text);
  if (bytes <= MAX_TEXT_BYTES) return null;
  return { code: 'too-large', why: `its ${field} has ${bytes} bytes, and at most ${MAX_TEXT_BYTES} are allowed` };
}
