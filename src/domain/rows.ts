/** The rows that make up a company's state. Immutable values: a change is a new row. */
import type { DeadLetterCode, Offset, TimestampMs } from './events.js';
import type { Policy } from './policy.js';

/**
 * A company that is neither announced nor deleted. Contains all that a judgement needs, whatever the number of
 * datasets.
 */
export interface PendingCompany {
  readonly outcome: 'pending';
  /** Datasets named by manifests. */
  readonly named: number;
  /** Named datasets that have not finished. An unfinished dataset of an ended link counts as finished. */
  readonly unfinished: number;
  /**
   * Named datasets that count as finished only by a word added after the first vocabulary. Every release stores them as
   * unfinished. Null: not counted since the row was read, so `unfinished` is the stored count. `recount.ts` counts them
   * before anything is decided.
   */
  readonly laterFinished: number | null;
  /** Named datasets that are Complete. */
  readonly succeeded: number;
  /** Datasets that have a status but that no manifest has named yet. */
  readonly early: number;
  /** Early datasets that were forgotten because there were too many. */
  readonly forgotten: number;
  readonly holds: number;
  readonly links: number;
  /** Links that are neither sealed nor ended. */
  readonly unsealed: number;
  /** Bit i is set if link i (its position in the info row) was ended by unlinking. */
  readonly endedLinks: bigint;
  /**
   * Bytes of connections, links and named datasets in the announcement: an upper bound from `announcement-size.ts`. If
   * this is 0 although a link exists, the size is unknown: a release that does not store it has written the row.
   */
  readonly announcementBytes: number;
  /** Whether the company was reported as stalled since its last progress. */
  readonly stalled: boolean;
  /**
   * Whether `CompanySyncFailed` was published when the company came into its present state, which `hasFailed`
   * (sync-failure.ts) describes. A release that does not know this field leaves it out: then it is false.
   */
  readonly failureReported: boolean;
  /** Record timestamp of the last applied change, in whole hours since the epoch. UNKNOWN_HOUR if it was not a date. */
  readonly progressHour: number;
}

/** The few dozen bytes kept of a company announced here. The outbound event has the rest. */
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

/** Another system notified the customer, so there is no outbound event. */
export interface CompanyAnnouncedElsewhere {
  readonly outcome: 'announced-elsewhere';
  /** Offset of the input record that says so. */
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

/** The part of a company that only manifests and unlinking change. */
export interface InfoRow {
  readonly clientId: string;
  readonly companyName: string;
  readonly connections: readonly Connection[];
  readonly links: readonly Link[];
}

/**
 * The facts about the first sync of a pending company that neither its counts nor its datasets show. A release that does
 * not know this row keeps it as it is, and does not delete it with the other rows.
 */
export interface FirstSyncRow {
  /** Kafka timestamp of the first manifest. Null if a release without this row has read that manifest. */
  readonly linkedAt: TimestampMs | null;
  /** How many times `CompanySyncFailed` was published for the company. */
  readonly failures: number;
}

export interface DatasetRow {
  /** Where the latest manifest put the dataset. Null while no manifest has named the dataset ("early"). */
  readonly place: DatasetPlace | null;
  readonly status: string;
  readonly revision: number | bigint | null;
  /** Input offset of the record that gave the status. If no status has arrived, the offset of the first manifest. */
  readonly offset: Offset;
  /** Kafka timestamp of the same record. */
  readonly timestamp: TimestampMs;
}

/**
 * Orders rows by the records that gave their statuses, the oldest first. Decisions use this order: the clocks of two
 * producers differ, and a record may have no date.
 *
 * A repartitioning or a recreated input leaves rows with offsets of a former log. A row whose offset the present log has
 * not reached is such a row, so it is older than all others. After that, former rows cannot be recognised any more.
 *
 * @param reached above the offset of every record of the present log that was applied
 */
export function byOffset(reached: Offset): (a: Pick<DatasetRow, 'offset'>, b: Pick<DatasetRow, 'offset'>) => number {
  const isPresent = ({ offset }: Pick<DatasetRow, 'offset'>): number => (offset < reached ? 1 : 0);
  return (a, b) => isPresent(a) - isPresent(b) || a.offset - b.offset;
}

/** Orders rows by how long their statuses have lasted, the longest first. For people: no decision may use it. */
export function byAge(
  a: Pick<DatasetRow, 'timestamp' | 'offset'>,
  b: Pick<DatasetRow, 'timestamp' | 'offset'>,
): number {
  return a.timestamp - b.timestamp || a.offset - b.offset;
}

export interface DatasetPlace {
  /** Position in `InfoRow.links`. */
  readonly link: number;
  /** Position in `InfoRow.connections`; not always the link's own connection. */
  readonly connection: number;
  readonly dataType: string;
}

/** A bad record that keeps the company from being announced. The row's key is `<partition>/<offset>` of the record. */
export interface HoldRow {
  readonly code: DeadLetterCode;
  readonly timestamp: TimestampMs;
}
