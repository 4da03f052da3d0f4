/** The words of an explanation: why a company has or has not been announced. `explain.ts` makes one. */
import type { AnnouncedDataset } from './announcement.js';
import type { Offset, PoisonCode } from './events.js';
import type { Policy } from './policy.js';
import type { StatusClass } from './statuses.js';

/** In the order in which they apply. */
export const VERDICTS = [
  'unknown',
  'deleted',
  'announced',
  'announced-elsewhere',
  'held',
  /** No link was seen, so that nothing says which datasets there are. */
  'no-manifest',
  'waiting',
  /** Every dataset has ended, and a link is not sealed: more of them may be named. */
  'unsealed',
  'no-datasets',
  'none-complete',
  /**
   * Nothing is left to wait for, but the record that made it so was judged by another policy: the next one decides. Or
   * by a release that did not know its status word: the next record, or counting again, decides.
   */
  'due',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Times are RFC 3339; offsets are those of `asOf`'s partition of the input. */
export interface Explanation {
  readonly companyId: string;
  readonly verdict: Verdict;
  /** The verdict in words. */
  readonly sentence: string;
  /** What else someone who wonders should know. */
  readonly notes: readonly string[];
  /** The records that this speaks of: those of the partition below the offset. */
  readonly asOf: { readonly topic: string; readonly partition: number; readonly offset: Offset } | null;
  /** The policy that fired; of a company not announced yet, that of a record stamped now. Null where none applies. */
  readonly policy: Policy | null;
  readonly clientId: string | null;
  readonly companyName: string | null;
  /** Null where nothing is counted any more, or yet. */
  readonly counts: ExplainedCounts | null;
  /** Since its last progress the company was reported as stalled. */
  readonly stalled: boolean;
  /** To the hour. */
  readonly lastProgress: string | null;
  /** The record that announced or deleted the company, or says that another system has announced it. */
  readonly decidedBy: { readonly offset: Offset; readonly at: string } | null;
  readonly holds: readonly ExplainedHold[];
  readonly links: readonly ExplainedLink[];
  /** Empty if an announced company's datasets are no longer known; a note says so. */
  readonly datasets: readonly ExplainedDataset[];
  /** Datasets with a status that no manifest has named yet. */
  readonly early: readonly EarlyDataset[];
}

/** Named datasets by the class they count in. */
export interface ExplainedCounts {
  readonly datasets: number;
  readonly unfinished: number;
  readonly complete: number;
  readonly failed: number;
  readonly ended: number;
}

export interface ExplainedHold {
  /** `<partition>/<offset>` of the poison record: the value of the `repairs` header that lifts the hold. */
  readonly record: string;
  readonly code: PoisonCode;
  readonly reason: string;
  readonly at: string;
}

export interface ExplainedLink {
  readonly linkId: string;
  readonly connectionId: string;
  readonly sourceType: string;
  /** Open: its final manifest has not come. */
  readonly state: 'open' | 'sealed' | 'ended';
  /** Of the ConnectionUnlinked that ended it. */
  readonly endedAtOffset: Offset | null;
  readonly datasets: number;
  readonly unfinished: number;
}

export interface ExplainedDataset extends AnnouncedDataset {
  readonly class: StatusClass;
  /** When `status` came; null where that is not known any more, and of a derived `Cancelled`. */
  readonly since: string | null;
  readonly linkId: string | null;
  readonly revision: string | null;
  /** Of a derived `Cancelled`: the last status of its own. */
  readonly own: EarlyDataset['latest'] | null;
}

export interface EarlyDataset {
  readonly datasetId: string;
  readonly latest: { readonly status: string; readonly offset: Offset; readonly since: string };
}
