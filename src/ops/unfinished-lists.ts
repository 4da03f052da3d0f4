/** Lists of the companies that are held, stalled, or just not announced yet; those without progress for longest first. */
import { lastProgressOf } from '../domain/pending-company.js';
import type { PendingCompany } from '../domain/rows.js';
import { isoTime } from '../lib/iso-time.js';
import { visitUnfinished } from '../store/unfinished-companies.js';
import type { LocalPartitions } from './company-directory.js';

export const LIST_STATES = ['held', 'stalled', 'pending'] as const;
export type ListState = (typeof LIST_STATES)[number];

export interface ListedCompany {
  readonly companyId: string;
  readonly partition: number;
  readonly datasets: number;
  readonly unfinished: number;
  readonly unsealedLinks: number;
  readonly holds: number;
  readonly stalled: boolean;
  /** To the hour; null if it is not known, because no record of the company has a date. */
  readonly lastProgress: string | null;
}

export interface CompanyList {
  readonly companies: readonly ListedCompany[];
  /** Every unfinished company was looked at, of every partition. */
  readonly complete: boolean;
}

/** Unfinished companies looked at in one partition for one list: a bound on what a request costs. */
const MAX_LOOKED_AT = 50_000;

const BELONGS: Readonly<Record<ListState, (company: PendingCompany) => boolean>> = {
  held: ({ holds }) => holds > 0,
  stalled: ({ stalled }) => stalled,
  pending: () => true,
};

/** Of this instance's partitions. */
export async function listHere(local: LocalPartitions, state: ListState, limit: number): Promise<CompanyList> {
  const companies: ListedCompany[] = [];
  let complete = true;
  for (const partition of local.statuses().keys()) {
    const rows = local.committed(partition);
    if (rows === null) {
      complete = false;
      continue;
    }
    try {
      const all = await visitUnfinished(rows, MAX_LOOKED_AT, (companyId, company) => {
        if (BELONGS[state](company)) companies.push(listed(companyId, partition, company));
      });
      complete &&= all;
    } finally {
      await rows.close();
    }
  }
  return { companies: longestFirst(companies).slice(0, limit), complete };
}

/** Of several instances. */
export function merge(lists: readonly CompanyList[], limit: number): CompanyList {
  const companies = longestFirst(lists.flatMap((list) => list.companies));
  return { companies: companies.slice(0, limit), complete: lists.every(({ complete }) => complete) };
}

function listed(companyId: string, partition: number, company: PendingCompany): ListedCompany {
  const { named, unfinished, unsealed, holds, stalled } = company;
  const progressAt = lastProgressOf(company);
  const lastProgress = progressAt === null ? null : isoTime(progressAt);
  return { companyId, partition, datasets: named, unfinished, unsealedLinks: unsealed, holds, stalled, lastProgress };
}

function longestFirst(companies: readonly ListedCompany[]): ListedCompany[] {
  const progressOf = ({ lastProgress }: ListedCompany): string => lastProgress ?? '';
  return [...companies].sort((a, b) => (progressOf(a) < progressOf(b) ? -1 : progressOf(a) > progressOf(b) ? 1 : 0));
}
