/** Finds a company in the partitions of this instance, or through the other instances. */
import type { CompanyRows } from '../domain/company-rows.js';
import { explain, explainUnknown, withAnnouncedContent, type AnnouncedContent } from '../domain/explain.js';
import type { Explanation } from '../domain/explanation.js';
import type { Policy } from '../domain/policy.js';
import type { PartitionStatus } from '../pipeline/observer.js';
import type { PartitionOwner } from '../pipeline/ports.js';
import type { CommittedRows } from '../store/committed-rows.js';
import type { PositionRow } from '../store/row-codec.js';
import { hasCompany, readCompany } from '../store/company-loading.js';
import { reasonOf } from '../lib/reason-of.js';

/** The partitions of this instance. */
export interface LocalPartitions {
  statuses(): ReadonlyMap<number, PartitionStatus>;
  /** Null while the partition has no committed rows to show. */
  committed(partition: number): CommittedRows | null;
}

/** Identifies the announcement of a company. */
export interface AnnouncedSource {
  readonly companyId: string;
  /** The partition of the input record that completed the company. `offset` is its offset. */
  readonly partition: number;
  readonly offset: number;
}

export interface CompanyDirectoryOptions {
  readonly local: LocalPartitions;
  /** The input topic, and how many partitions it has. */
  readonly topic: string;
  readonly partitions: number;
  /** The policy that would apply to a record of this client if the timestamp of the record were the present time. */
  readonly policyOf: (clientId: string | null) => Policy;
  readonly owners: () => Promise<readonly PartitionOwner[]>;
  readonly peers: Peers;
  /** The content of the announcement. If it is not available, the reason as text. Never rejects. */
  readonly announced: (source: AnnouncedSource) => Promise<AnnouncedContent | string>;
}

/** The other instances. */
export interface Peers {
  /** Whether the instance at this address has the company itself. Never rejects. */
  has(address: string, companyId: string): Promise<PeerAnswer>;
}
export type PeerAnswer = { readonly has: true } | AbsentThere | { readonly unknownBecause: string };

/** The instance does not have the company in the partitions that it looked in. */
interface AbsentThere {
  readonly has: false;
  /** Null from the previous release, which does not say it. */
  readonly partitions: readonly number[] | null;
}

/** Where a company is. */
export type Found =
  | { readonly kind: 'here'; readonly explanation: Explanation }
  | { readonly kind: 'elsewhere'; readonly address: string }
  /** Every partition was examined. */
  | { readonly kind: 'nowhere'; readonly explanation: Explanation }
  | { readonly kind: 'cannot-tell'; readonly reasons: readonly string[] };

/** No partition that this instance looked in has the company. */
interface Absent {
  readonly kind: 'absent';
  readonly partitions: number[];
}
type CannotTell = Extract<Found, { readonly kind: 'cannot-tell' }>;
/** Whether a company is in this instance. */
export type Presence = { readonly kind: 'present' } | Absent | CannotTell;

export class CompanyDirectory {
  /** Resolves when the last look-up has ended. */
  #latest: Promise<void> = Promise.resolve();

  constructor(private readonly options: CompanyDirectoryOptions) {}

  /**
   * Looks only in this instance, and leaves out the datasets of an announced company. One look-up runs at a time: a
   * company with tens of thousands of holds takes about 100 MB while it is read, and any client may ask for it at any
   * rate.
   */
  async findHere(companyId: string): Promise<Found> {
    const found = await this.#explainHere(companyId);
    return found.kind === 'absent' ? nowhere(companyId) : found;
  }

  #explainHere(companyId: string): Promise<Extract<Found, { readonly kind: 'here' }> | Absent | CannotTell> {
    const found = this.#latest.then(() =>
      this.#lookHere(async (rows, partition) => {
        const company = await readCompany(rows, companyId);
        if (company === null) return null;
        return { kind: 'here' as const, explanation: this.#explain(company, partition, await rows.position()) };
      }),
    );
    const ended = (): void => undefined;
    this.#latest = found.then(ended, ended);
    return found;
  }

  /** Looks only in this instance, and explains nothing: it reads one row of each partition. */
  hasHere(companyId: string): Promise<Presence> {
    return this.#lookHere(async (rows) => ((await hasCompany(rows, companyId)) ? { kind: 'present' as const } : null));
  }

  /** The first answer of `look` about a partition of this instance. */
  async #lookHere<T>(
    look: (rows: CommittedRows, partition: number) => Promise<T | null>,
  ): Promise<T | Absent | CannotTell> {
    const { local } = this.options;
    const reasons: string[] = [];
    const partitions: number[] = [];
    for (const [partition, { state, reason }] of local.statuses()) {
      const rows = local.committed(partition);
      if (rows === null) {
        reasons.push(`partition ${partition} is ${state}${reason === null ? '' : `: ${reason}`}`);
        continue;
      }
      try {
        const found = await look(rows, partition);
        if (found !== null) return found;
        partitions.push(partition);
      } finally {
        await rows.close();
      }
    }
    return reasons.length > 0 ? { kind: 'cannot-tell', reasons } : { kind: 'absent', partitions };
  }

  /** Looks in all instances, because the platform chooses how companies spread over partitions. */
  async find(companyId: string): Promise<Found> {
    const here = await this.#explainHere(companyId);
    if (here.kind === 'here') return { kind: 'here', explanation: await this.#withDatasets(here.explanation) };
    const reasons = here.kind === 'cannot-tell' ? [...here.reasons] : [];
    const lookedIn = new Set(here.kind === 'absent' ? here.partitions : this.options.local.statuses().keys());
    const others = await this.#otherOwners(lookedIn, reasons);
    const answers = await Promise.all(
      [...others].map(async ([address, owned]) => {
        return { address, owned, answer: await this.options.peers.has(address, companyId) };
      }),
    );
    for (const { address, owned, answer } of answers)
      if ('unknownBecause' in answer) reasons.push(`${address}: ${answer.unknownBecause}`);
      else if (answer.has) return { kind: 'elsewhere', address };
      else for (const partition of answer.partitions ?? owned) lookedIn.add(partition);
    // A partition that moves, or whose owner stops, may be looked in nowhere.
    if (reasons.length === 0)
      for (let partition = 0; partition < this.options.partitions; partition++)
        if (!lookedIn.has(partition)) reasons.push(`partition ${partition} moves to another instance`);
    return reasons.length > 0 ? { kind: 'cannot-tell', reasons } : nowhere(companyId);
  }

  /**
   * The instances that own the other partitions: by address, the partitions. Adds a reason for each partition that cannot
   * be asked about.
   */
  async #otherOwners(lookedIn: ReadonlySet<number>, reasons: string[]): Promise<Map<string, number[]>> {
    const others = new Map<string, number[]>();
    if (lookedIn.size >= this.options.partitions) return others;
    let owners: readonly PartitionOwner[];
    try {
      owners = await this.options.owners();
    } catch (error) {
      reasons.push(reasonOf(error));
      return others;
    }
    const addresses = new Map(owners.map(({ partition, httpAddress }) => [partition, httpAddress]));
    for (let partition = 0; partition < this.options.partitions; partition++) {
      if (lookedIn.has(partition)) continue;
      const address = addresses.get(partition);
      if (address === undefined) reasons.push(`partition ${partition} has no owner at present`);
      else if (address === null) reasons.push(`the owner of partition ${partition} advertises no address`);
    }
    for (const { partition, httpAddress } of owners) {
      if (httpAddress === null || lookedIn.has(partition)) continue;
      const owned = others.get(httpAddress);
      if (owned === undefined) others.set(httpAddress, [partition]);
      else owned.push(partition);
    }
    return others;
  }

  #explain(company: CompanyRows, partition: number, position: PositionRow | null): Explanation {
    const { topic, policyOf } = this.options;
    const pending = company.company?.outcome === 'pending';
    return explain(company, {
      asOf: { topic, partition, offset: position?.offset ?? 0 },
      policy: policyOf(pending ? (company.info?.clientId ?? null) : null),
    });
  }

  /** Adds the datasets: the state keeps only the counts of an announced company. */
  async #withDatasets(explanation: Explanation): Promise<Explanation> {
    const { companyId, verdict, decidedBy, asOf } = explanation;
    if (verdict !== 'announced' || decidedBy === null || asOf === null) return explanation;
    const { partition } = asOf;
    const content = await this.options.announced({ companyId, partition, offset: decidedBy.offset });
    if (typeof content !== 'string') return withAnnouncedContent(explanation, content);
    return { ...explanation, notes: [...explanation.notes, content] };
  }
}

function nowhere(companyId: string): Found {
  return { kind: 'nowhere', explanation: explainUnknown(companyId, null) };
}
