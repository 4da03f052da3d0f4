/** The payload branches as avsc gives them -> the domain's. */
import type { Payload, SyncTrigger } from '../domain/events.js';

/**
 * A branch of `SyncEvent.payload`, under its full name: a union of records cannot be told apart by its values, so that
 * avsc wraps it. `CompanyDeleted` has no fields and nothing to read.
 */
export interface WrappedPayload {
  readonly 'companysync.DatasetStatusChanged'?: {
    readonly datasetId: string;
    /** Of no use: read for its length alone, as `dataType`. */
    readonly connectionId: string;
    readonly dataType: string;
    readonly status: string;
    readonly trigger: SyncTrigger;
    readonly revision: number | bigint | null;
  };
  readonly 'companysync.LinkSyncQueued'?: {
    readonly linkId: string;
    readonly connectionId: string;
    readonly sourceType: string;
    readonly companyName: string;
    readonly datasets: readonly { readonly datasetId: string; readonly dataType: string }[];
    readonly isFinal: boolean;
  };
  readonly 'companysync.ConnectionUnlinked'?: { readonly connectionId: string };
  readonly 'companysync.AnnouncedElsewhere'?: object;
}

const DELETED: Payload = Object.freeze({ kind: 'deleted' });
const ANNOUNCED_ELSEWHERE: Payload = Object.freeze({ kind: 'announced-elsewhere' });

/** Nearly every event is a status. Plain objects of one shape each, without avsc's record classes. */
export function payloadOf(wrapped: WrappedPayload): Payload {
  const status = wrapped['companysync.DatasetStatusChanged'];
  if (status !== undefined) {
    const { datasetId, trigger, revision } = status;
    return { kind: 'status', datasetId, status: status.status, trigger, revision };
  }
  const manifest = wrapped['companysync.LinkSyncQueued'];
  if (manifest !== undefined) {
    const { linkId, connectionId, sourceType, companyName, isFinal } = manifest;
    const datasets = manifest.datasets.map(({ datasetId, dataType }) => ({ datasetId, dataType }));
    return { kind: 'manifest', linkId, connectionId, sourceType, companyName, datasets, isFinal };
  }
  const unlinked = wrapped['companysync.ConnectionUnlinked'];
  if (unlinked !== undefined) return { kind: 'unlinked', connectionId: unlinked.connectionId };
  if (wrapped['companysync.AnnouncedElsewhere'] !== undefined) return ANNOUNCED_ELSEWHERE;
  return DELETED;
}
