/** The events that the rules work on: `decode/` makes one from each input record. Plain data, no I/O. */

/**
 * An offset of a Kafka log: Kafka's int64 as a JavaScript number, exact up to 2^53 - 1. A partition with a million
 * records a second reaches that number after 285 years. `kafka/` refuses larger offsets at the boundary.
 */
export type Offset = number;

/** Milliseconds since the epoch. */
export type TimestampMs = number;

export interface ManifestDataset {
  readonly datasetId: string;
  readonly dataType: string;
}

/** `LinkSyncQueued`: datasets queued by linking a connection; `isFinal` seals the link. */
export interface LinkSyncQueued {
  readonly kind: 'manifest';
  readonly linkId: string;
  readonly connectionId: string;
  readonly sourceType: string;
  readonly companyName: string;
  readonly datasets: readonly ManifestDataset[];
  readonly isFinal: boolean;
}

export type SyncTrigger = 'LINK' | 'REFRESH' | 'UNKNOWN';

/** `DatasetStatusChanged`: a dataset's pull moved to `status`. */
export interface DatasetStatusChanged {
  readonly kind: 'status';
  readonly datasetId: string;
  readonly status: string;
  readonly trigger: SyncTrigger;
  /** Grows with each change of the dataset, if the source numbers its changes. A bigint only beyond 2^53. */
  readonly revision: number | bigint | null;
}

/** `ConnectionUnlinked`: the connection is gone; its unfinished datasets will never finish. */
export interface ConnectionUnlinked {
  readonly kind: 'unlinked';
  readonly connectionId: string;
}

/** `CompanyDeleted`: the company is permanently gone. */
export interface CompanyDeleted {
  readonly kind: 'deleted';
}

/** `AnnouncedElsewhere`: another system has notified the customer, so this processor never announces the company. */
export interface AnnouncedElsewhere {
  readonly kind: 'announced-elsewhere';
}

export type Payload = LinkSyncQueued | DatasetStatusChanged | ConnectionUnlinked | CompanyDeleted | AnnouncedElsewhere;

/** Whether a payload silences its company permanently: `events send` asks before it sends many of those. */
export const SILENCES_COMPANY = {
  manifest: false,
  status: false,
  unlinked: false,
  deleted: true,
  'announced-elsewhere': true,
} as const satisfies Record<Payload['kind'], boolean>;

/** One decoded input record. */
export interface InputEvent {
  readonly companyId: string;
  readonly clientId: string;
  readonly offset: Offset;
  /**
   * The record's Kafka timestamp. It decides the policy, and is the `synchronizedAt` of a company that the record
   * completes.
   */
  readonly timestamp: TimestampMs;
  /** `<partition>/<offset>` of each bad record that this record replaces. Nearly always empty. */
  readonly repairs: readonly string[];
  readonly payload: Payload;
}

/** Why a record is bad. If several codes apply, the first one in this order counts. */
export const DEAD_LETTER_CODES = [
  'missing-key',
  'bad-framing',
  'unknown-schema',
  'undecodable',
  'key-mismatch',
  'too-many-datasets',
  'too-large',
] as const;
export type DeadLetterCode = (typeof DEAD_LETTER_CODES)[number];
