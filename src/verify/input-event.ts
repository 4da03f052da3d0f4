/**
 * The input as the verifier knows it. These types and the code that reads them are the verifier's own: it imports nothing
 * that the processor decides with, so a mistake there is not repeated here.
 */
import type { LogRecord } from '../lib/record.js';

export type Policy = 'FIRST_DATASET' | 'ALL_DATASETS';

export interface Manifest {
  readonly type: 'LinkSyncQueued';
  readonly linkId: string;
  readonly connectionId: string;
  readonly sourceType: string;
  readonly companyName: string;
  readonly datasets: readonly { readonly datasetId: string; readonly dataType: string }[];
  readonly isFinal: boolean;
}

export interface StatusChange {
  readonly type: 'DatasetStatusChanged';
  readonly datasetId: string;
  readonly status: string;
  readonly trigger: 'LINK' | 'REFRESH' | 'UNKNOWN';
  readonly revision: number | bigint | null;
}

export type InputPayload =
  | Manifest
  | StatusChange
  | { readonly type: 'ConnectionUnlinked'; readonly connectionId: string }
  | { readonly type: 'CompanyDeleted' }
  | { readonly type: 'AnnouncedElsewhere' };

/** The codes of records that can be read but exceed a limit. */
export type LimitCode = 'too-many-datasets' | 'too-large';
export type BadCode = 'missing-key' | 'bad-framing' | 'unknown-schema' | 'undecodable' | 'key-mismatch' | LimitCode;

/** What a record of the input says, or why it is bad whatever its company has. */
export type ReadInput =
  | {
      readonly kind: 'event';
      readonly clientId: string;
      /** Values of the `repairs` headers, `<partition>/<offset>` each. */
      readonly repairs: readonly string[];
      readonly payload: InputPayload;
    }
  | { readonly kind: 'bad'; readonly code: BadCode };

/** Reads a record of the input. Synchronous: the schemas are known by then. */
export type ReadRecord = (record: LogRecord) => ReadInput;

export function isLimit(code: string): code is LimitCode {
  return code === 'too-many-datasets' || code === 'too-large';
}
