/** The limits of a single record, checked before any row is loaded for it. */
import { assertNever } from '../lib/assert-never.js';
import type { LinkSyncQueued } from '../domain/events.js';
import { MAX_NAMED_DATASETS, MAX_TEXT_BYTES, utf8Bytes, type LimitExceeded } from '../domain/limits.js';
import type { ReadStatus } from './payload.js';
import type { SyncEventValue } from './sync-event-reader.js';

/** Texts up to this length are within the limit, whatever characters they contain. */
const SURELY_SHORT_CHARS = Math.floor(MAX_TEXT_BYTES / 3);

/** The limit that a record exceeds by itself, whatever its company has; null if it exceeds none. */
export function exceedsRecordLimits({ companyId, clientId, payload }: SyncEventValue): LimitExceeded | null {
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
    default:
      return assertNever(payload);
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

function namesTooMany({ datasets }: LinkSyncQueued): boolean {
  if (datasets.length <= MAX_NAMED_DATASETS) return false;
  return new Set(datasets.map(({ datasetId }) => datasetId)).size > MAX_NAMED_DATASETS;
}

function longText(field: string, text: string): LimitExceeded | null {
  if (text.length <= SURELY_SHORT_CHARS) return null;
  const bytes = utf8Bytes(text);
  if (bytes <= MAX_TEXT_BYTES) return null;
  return { code: 'too-large', why: `its ${field} has ${bytes} bytes, and at most ${MAX_TEXT_BYTES} are allowed` };
}
