/** The rows that make up a company's state. Immutable values: a change is a new row. */
import type { Offset, PoisonCode, TimestampMs } from './events.js';
import type { Policy } from './policy.js';

/** A company that is neither announced nor deleted. All that a judgement needs, whatever the number of datasets. */
export interface PendingCompany {
  readonly outcome: 'pending';
  /** Datasets named by manifests. */
  readonly named: number;
  /** Named datasets that are not terminal; those of an ended link count as terminal. */
  readonly unfinished: number;
  /**
   * Named datasets that count as finished only by a word that joined after the first vocabulary. A stored row counts
   * them as unfinished, as every release does. Null: they are not counted since the row was read, and `unfinished` is
   * the stored count. `recount.ts` counts them before anything is decided.
   */
  readonly laterFinished: number | null;
  /** Named datasets that are Complete. */
  readonly succeeded: number;
  /** Datasets with a status that no manifest has named yet. */
  readonly early: number;
  /** Early datasets that were forgotten because there were too many. */
  readonly forgotten: number;
  readonly holds: number;
  readonly links: number;
  /** Links neither sealed nor ended. */
  readonly unsealed: number;
  /** Bit i is set when link i (its position in the info row) has ended by unlinking. */
  readonly endedLinks: bigint;
  /**
   * What the announcement would take of connections, links and named datasets: an upper bound by
   * `announcement-size.ts`. 0 while there is a link: not counted since the row was read, because a release that does not
   * count it has written the row.
   */
  readonly announcementBytes: number;
  /** Whether the company was reported as stalled since its last progress. */
  readonly stalled: boolean;
  /** Record timestamp of the last applied change, in whole hours since the epoch; UNKNOWN_HOUR if it was not a date. */
  readonly progressHour: number;
}

/** The few dozen bytes that stay of a company announced here; its outbound event has the rest. */
export interface AnnouncedCompany {
  readonly outcome: 'announced';
  readonly policy: Policy;
  /** Input offset of the record that completed the company. */
  readonly offset: Offset;
  readonly synchronizedAt: TimestampMs;
  readonly named: number;
  /** At least one. */
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
}

/** The customer was told by another system: there is no outbound event. */
export interface CompanyAnnouncedElsewhere {
  readonly outcome: 'announced-elsewhere';
  /** Of the input record that says so. */
  readonly offset: Offset;
  readonly timestamp: TimestampMs;
}

export interface DeletedCompany {
  readonly outcome: 'deleted';
  readonly offset: Offset;
  readonly timestamp: TimestampMs;
}

export type CompanyRow = PendingCompany | AnnouncedCompany | CompanyAnnouncedElsewhere | DeletedCompany;

export interface Connection {
  readonly connectionId: string;
  readonly sourceType: string;
}

export interface Link {
  readonly linkId: string;
  /** Position of the connection of the link's first manifest in `InfoRow.connections`. */
  readonly connection: number;
  readonly sealed: boolean;
  /** Input offset of the first ConnectionUnlinked that ended the link. */
  readonly endedAt: Offset | null;
}

/** What changes only with manifests and unlinking. */
export interface InfoRow {
  readonly clientId: string;
  readonly companyName: string;
  readonly connections: readonly Connection[];
  readonly links: readonly Link[];
}

export interface DatasetRow {
  /** Where the latest manifest put the dataset; null while no manifest has named it ("early"). */
  readonly place: DatasetPlace | null;
  readonly status: string;
  readonly revision: number | bigint | null;
  /** Input offset of the record that gave the status (of the first manifest where no status came yet). */
  readonly offset: Offset;
  /** Kafka timestamp of that record. */
  readonly timestamp: TimestampMs;
}

export interface DatasetPlace {
  /** Position in `InfoRow.links`. */
  readonly link: number;
  /** Position in `InfoRow.connections`; not always the link's own connection. */
  readonly connection: number;
  readonly dataType: string;
}

/** A poison record that keeps the company from being announced; its key is `<partition>/<offset>` of that record. */
export interface HoldRow {
  readonly code: PoisonCode;
  readonly timestamp: TimestampMs;
}
