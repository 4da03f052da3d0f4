/** The branches of `SyncEvent.payload`, read as the domain's payloads; fields that are not named here are not used. */
import type { RecordShapes } from '../avro/record-shape.js';
import type { Payload, SyncTrigger } from '../domain/events.js';

const DELETED: Payload = Object.freeze({ kind: 'deleted' });
const ANNOUNCED_ELSEWHERE: Payload = Object.freeze({ kind: 'announced-elsewhere' });

type StatusFields = readonly [
  datasetId: string,
  status: string,
  trigger: SyncTrigger,
  revision: number | bigint | null,
];
type ManifestFields = readonly [
  linkId: string,
  connectionId: string,
  sourceType: string,
  companyName: string,
  datasets: readonly { readonly datasetId: string; readonly dataType: string }[],
  isFinal: boolean,
];

export const PAYLOAD_SHAPES: RecordShapes = {
  DatasetStatusChanged: {
    used: ['datasetId', 'status', 'trigger', 'revision'],
    make: ([datasetId, status, trigger, revision]: StatusFields): Payload => ({
      kind: 'status',
      datasetId,
      status,
      trigger,
      revision,
    }),
  },
  LinkSyncQueued: {
    used: ['linkId', 'connectionId', 'sourceType', 'companyName', 'datasets', 'isFinal'],
    make: ([linkId, connectionId, sourceType, companyName, datasets, isFinal]: ManifestFields): Payload => ({
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
    make: ([datasetId, dataType]: readonly [string, string]) => ({ datasetId, dataType }),
  },
  ConnectionUnlinked: {
    used: ['connectionId'],
    make: ([connectionId]: readonly [string]): Payload => ({ kind: 'unlinked', connectionId }),
  },
  CompanyDeleted: { used: [], make: () => DELETED },
  AnnouncedElsewhere: { used: [], make: () => ANNOUNCED_ELSEWHERE },
};
