/** The parts of a company, as the verifier's judge remembers them. */

export interface Link {
  isSealed: boolean;
  /** Offset of the first unlinking of its connection after its first manifest. [2] */
  endedAt: number | null;
  /** Named datasets of the link whose own status is not terminal. */
  unfinished: number;
}

/** A dataset that a manifest has named, or that has a status. */
export interface Dataset {
  /** The latest manifest that named it. [4] */
  named: { dataType: string; link: Link; connectionId: string } | null;
  firstNamedAt: number;
  /** The latest applied status. */
  status: string | null;
  statusAt: number;
  /** The largest revision of its applied statuses. [8] */
  revision: number | bigint | null;
  /** Whether its latest status has a revision: with earlier records that are gone, it could be stale. */
  isNumbered: boolean;
}

/** The parts that decide the size of the announcement. */
export interface CompanyParts {
  readonly links: ReadonlyMap<string, Link>;
  /** The latest source type of each connection that a manifest has named. [5] */
  readonly connections: ReadonlyMap<string, string>;
  readonly datasets: ReadonlyMap<string, Dataset>;
}
