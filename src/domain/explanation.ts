/** The parts of an explanation: why a company has or has not been announced. `explain.ts` builds it. */
import type { AnnouncedDataset } from './announcement.js';
import type { DeadLetterCode, Offset } from './events.js';
import type { Policy } from './policy.js';
import type { StatusClass } from './statuses.js';

/** The verdicts. If several apply, the first one in this order counts. */
export const VERDICTS = [
  'unknown',
  'deleted',
  'announced',
  'announced-elsewhere',
  'held',
  /** The processor has seen no link, so it does not know which datasets exist. */
  'no-manifest',
  'waiting',
  /** Every dataset has finished, but a link is not sealed, so a manifest may still name more datasets. */
  'unsealed',
  'no-datasets',
  'none-complete',
  /**
   * Nothing is left to wait for, but the last record was judged differently: by another policy, or by a release that
   * did not know its status word. The next record decides; in the second case, also the pass that counts companies
   * again.
   */
  'due',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Times are RFC 3339. Offsets are input offsets of the partition in `asOf`. */
export interface Explanation {
  readonly companyId: string;
  readonly verdict: Verdict;
  /** The verdict in words. */
  readonly sentence: string;
  /** Other facts that a reader of the explanation needs. */
  readonly notes: readonly string[];
  /** The explanation covers the records of this partition below this offset. */
  readonly asOf: { readonly topic: string; readonly partition: number; readonly offset: Offset } | null;
  /**
   * The policy that fired. For a company not announced yet, the policy for a record stamped now. Null if none applies.
   */
  readonly policy: Policy | null;
  readonly clientId: string | null;
  readonly companyName: string | null;
  /** Null if nothing is counted yet, or if the counts are no longer kept. */
  readonly counts: ExplainedCounts | null;
  /** Whether the company was reported as stalled since its last progress. */
  readonly stalled: boolean;
  /**
   * How many times `CompanySyncFailed` was published for the company. Null once the company has its outcome, and in the
   * answers of older releases absent.
   */
  readonly failures?: number | null | undefined;
  /** When the company was first linked. Null if that is not known any more, or an older release has linked it. */
  readonly linkedAt?: string | null | undefined;
  /** Precise to the hour. */
  readonly lastProgress: string | null;
  /** The record that announced or deleted the company, or that reports the announcement by another system. */
  readonly decidedBy: { readonly offset: Offset; readonly at: string } | null;
  readonly holds: readonly ExplainedHold[];
  readonly links: readonly ExplainedLink[];
  /** Empty if the datasets of an announced company are no longer known; a note says so. */
  readonly datasets: readonly ExplainedDataset[];
  /** Datasets that have a status but that no manifest has named yet. */
  readonly early: readonly EarlyDataset[];
  /**
   * How many entries of each list were left out, because the explanation would exceed MAX_EXPLANATION_BYTES. Absent if
   * all are listed, and in the answers of older releases.
   */
  readonly omitted?: OmittedEntries | undefined;
}

export interface OmittedEntries {
  readonly holds: number;
  readonly links: number;
  readonly datasets: number;
  readonly early: number;
}

/** Number of named datasets in each class. */
export interface ExplainedCounts {
  readonly datasets: number;
  readonly unfinished: number;
  readonly complete: number;
  readonly failed: number;
  readonly ended: number;
}

export interface ExplainedHold {
  /** `<partition>/<offset>` of the bad record: the value of the `repairs` header that lifts the hold. */
  readonly record: string;
  readonly code: DeadLetterCode;
  readonly reason: string;
  readonly at: string;
}

export interface ExplainedLink {
  readonly linkId: string;
  readonly connectionId: string;
  readonly sourceType: string;
  /** `open`: the final manifest of the link has not arrived. */
  readonly state: 'open' | 'sealed' | 'ended';
  /** Offset of the ConnectionUnlinked that ended the link. */
  readonly endedAtOffset: Offset | null;
  readonly datasets: number;
  readonly unfinished: number;
}

export interface ExplainedDataset extends AnnouncedDataset {
  readonly class: StatusClass;
  /** When `status` arrived. Null if that is no longer known, and for a derived `Cancelled`. */
  readonly since: string | null;
  readonly linkId: string | null;
  readonly revision: string | null;
  /** For a derived `Cancelled`, the last status that the dataset itself received. */
  readonly own: EarlyDataset['latest'] | null;
}

export interface EarlyDataset {
  readonly datasetId: string;
  readonly latest: { readonly status: string; readonly offset: Offset; readonly since: string };
}
