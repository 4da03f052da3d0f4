/**
 * Lists of the companies that are held, stalled, failed, or not announced yet; the longest without progress come first.
 *
 * All lists come from one scan of the pending companies. One scan runs at a time, and its result answers all
 * requests within CACHE_MS. So the cost does not depend on the number of requests.
 */
import { lastProgressOf } from '../domain/pending-company.js';
import type { PendingCompany } from '../domain/rows.js';
import { Coalesced } from '../lib/coalesced.js';
import { isoTime } from '../lib/iso-time.js';
import { visitPending } from '../store/pending-companies.js';
import type { LocalPartitions } from './company-directory.js';

export const LIST_STATES = ['held', 'stalled', 'failed', 'pending'] as const;
export type ListState = (typeof LIST_STATES)[number];

export interface ListedCompany {
  readonly companyId: string;
  readonly partition: number;
  readonly datasets: number;
  readonly unfinished: number;
  readonly unsealedLinks: number;
  readonly holds: number;
  readonly stalled: boolean;
  /** Whether CompanySyncFailed was published for its present state. Absent in the answers of older releases. */
  readonly failed?: boolean | undefined;
  /** To the hour; null if unknown, because no record of the company has a date. */
  readonly lastProgress: string | null;
}

export interface CompanyList {
  readonly companies: readonly ListedCompany[];
  /** The number of companies in this state, among those that were examined. */
  readonly count: number;
  /** Whether every pending company of every partition was examined. */
  readonly complete: boolean;
}

/** The most companies of one list. */
export const MAX_LIST = 1_000;
/** Pending companies that one scan examines in one partition. MAX_SCAN_MS limits the time for all partitions. */
const MAX_LOOKED_AT = 50_000;
const MAX_SCAN_MS = 2_000;
/** For this long, a scan answers further requests. */
const CACHE_MS = 1_000;

const BELONGS: Readonly<Record<ListState, (company: PendingCompany) => boolean>> = {
  held: ({ holds }) => holds > 0,
  stalled: ({ stalled }) => stalled,
  failed: ({ failureReported }) => failureReported,
  pending: () => true,
};

/** The list of another instance, which may be of an earlier release. */
type ReceivedList = Omit<CompanyList, 'count'> & { readonly count?: number };
type Scan = Readonly<Record<ListState, CompanyList>>;

/** Lists the pending companies of this instance's partitions. */
export class PendingLists {
  readonly #scans = new Coalesced(() => this.#scan());
  #latest: { readonly scan: Scan; readonly atMs: number } | null = null;

  constructor(
    private readonly local: LocalPartitions,
    private readonly now: () => number,
  ) {}

  /** @param limit MAX_LIST at most */
  async list(state: ListState, limit: number): Promise<CompanyList> {
    const latest = this.#latest;
    const scan = latest !== null && this.now() - latest.atMs < CACHE_MS ? latest.scan : await this.#scans.ask();
    const list = scan[state];
    return { ...list, companies: list.companies.slice(0, limit) };
  }

  async #scan(): Promise<Scan> {
    const beganAt = this.now();
    const enough = () => this.now() - beganAt >= MAX_SCAN_MS;
    const list = () => new LongestFirst();
    const lists = { held: list(), stalled: list(), failed: list(), pending: list() };
    let complete = true;
    for (const partition of this.local.statuses().keys()) {
      const rows = this.local.committed(partition);
      if (rows === null) {
        complete = false;
        continue;
      }
      const look = (companyId: string, company: PendingCompany) => {
        for (const state of LIST_STATES)
          if (BELONGS[state](company)) lists[state].add(listed(companyId, partition, company));
      };
      try {
        const all = await visitPending(rows, MAX_LOOKED_AT, look, enough);
        complete &&= all;
      } finally {
        await rows.close();
      }
    }
    const ended = (list: LongestFirst) => ({ companies: list.first(), count: list.count, complete });
    const scan = {
      held: ended(lists.held),
      stalled: ended(lists.stalled),
      failed: ended(lists.failed),
      pending: ended(lists.pending),
    };
    this.#latest = { scan, atMs: this.now() };
    return scan;
  }
}

/** Keeps the MAX_LIST companies that have been without progress for longest. Never holds more than twice as many. */
class LongestFirst {
  #kept: ListedCompany[] = [];
  count = 0;

  add(company: ListedCompany): void {
    this.count++;
    if (this.#kept.push(company) >= 2 * MAX_LIST) this.#kept = this.first() as ListedCompany[];
  }

  first(): readonly ListedCompany[] {
    return longestFirst(this.#kept).slice(0, MAX_LIST);
  }
}

/** Merges the lists of several instances. An earlier release does not report the count. */
export function merge(lists: readonly ReceivedList[], limit: number): CompanyList {
  const companies = longestFirst(lists.flatMap((list) => list.companies));
  const counts = lists.map((list) => list.count ?? list.companies.length);
  return {
    companies: companies.slice(0, limit),
    count: counts.reduce((sum, count) => sum + count, 0),
    complete: lists.every(({ complete }) => complete),
  };
}

function listed(companyId: string, partition: number, company: PendingCompany): ListedCompany {
  const { named, unfinished, unsealed, holds, stalled, failureReported: failed } = company;
  const progressAt = lastProgressOf(company);
  const lastProgress = progressAt === null ? null : isoTime(progressAt);
  const counts = { datasets: named, unfinished, unsealedLinks: unsealed, holds };
  return { companyId, partition, ...counts, stalled, failed, lastProgress };
}

function longestFirst(companies: readonly ListedCompany[]): ListedCompany[] {
  const progressOf = ({ lastProgress }: ListedCompany): string => lastProgress ?? '';
  // Instances answer in any order, so the list of one moment must not have another order than the next.
  return [...companies].sort((a, b) => {
    const [progressA, progressB] = [progressOf(a), progressOf(b)];
    return progressA < progressB ? -1 : progressA > progressB ? 1 : a.partition - b.partition;
  });
}
