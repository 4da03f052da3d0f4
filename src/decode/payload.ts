/** Reads the branches of `SyncEvent.payload` as the domain's payloads. Fields that are not named here are not used. */
import type { RecordShapes } from '../avro/record-shape.js';
import type { DatasetStatusChanged, Payload, SyncTrigger } from '../domain/events.js';

/** A status as it was read. Two of its fields are only checked against limits; the domain does not use them. */
export interface ReadStatus extends DatasetStatusChanged {
  readonly connectionId: string;
  readonly dataType: string;
}

export type ReadPayload = Exclude<Payload, DatasetStatusChanged> | ReadStatus;

const DELETED: Payload = Object.freeze({ kind: 'deleted' });
const ANNOUNCED_ELSEWHERE: Payload = Object.freeze({ kind: 'announced-elsewhere' });

export const PAYLOAD_SHAPES: RecordShapes = {
  DatasetStatusChanged: {
    used: ['datasetId', 'connectionId', 'dataType', 'status', 'trigger', 'revision'],
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
    make: (datasetId: string, dataType: string) => ({ datasetId, dataType }),
  },
  ConnectionUnlinked: {
    used: ['connectionId'],
    make: (connectionId: string): Payload => ({ kind: 'unlinked', connectionId }),
  },
  CompanyDeleted: { used: [], make: () => DELETED },
  AnnouncedElsewhere: { used: [], make: () => ANNOUNCED_ELSEWHERE },
};

/** Leaves out the fields that are only checked against limits. */
export function payloadOf(read: ReadPayload): Payload {
  if (read.kind !== 'status') return read;
  const { kind, datasetId, status, trigger, revision } = read;
  return { kind, datasetId, status, trigger, revision };
}
