/**
 * Applies the rules of the contract to the records of one company, in their order. Written from the contract and not from
 * the processor's rules. Numbers in brackets are the points of the contract's fine print.
 *
 * A record costs time in proportion to its own size. Exception: if more than 1,000 datasets have a status and no
 * manifest, 500 of them are searched for. Memory is limited by the limits of a company, and by MAX_HOLDS.
 */
import type { InputPayload, LimitCode, Manifest, Policy, StatusChange } from './input-event.js';
import { CompanySize } from './company-size.js';
import type { Dataset, Link } from './company-state.js';
import { isLaterTerminal, isTerminal } from './statuses.js';

const MAX_NAMED_DATASETS = 10_000;
const MAX_LINKS = 10_000;
const MAX_CONNECTIONS = 10_000;
const MAX_EARLY_DATASETS = 1_000;
const FORGOTTEN_AT_ONCE = 500;
/** Open holds of one company. A company with more is not judged. */
const MAX_HOLDS = 1_000_000;

/** Where a company stands. Only a pending company changes. */
export type Outcome = 'pending' | 'complete' | 'announced-elsewhere' | 'deleted';

/** A record of the company that can be read. */
export interface JudgedEvent {
  readonly offset: number;
  readonly timestamp: number;
  readonly repairs: readonly string[];
  readonly payload: InputPayload;
}

export class CompanyJudge {
  outcome: Outcome = 'pending';
  readonly links = new Map<string, Link>();
  /** The latest source type of each connection that a manifest has named. [5] */
  readonly connections = new Map<string, string>();
  readonly datasets = new Map<string, Dataset>();
  /** `<partition>/<offset>` of each bad record that is not repaired. */
  readonly holds = new Set<string>();
  companyName = '';
  /** Timestamp of the first manifest; null before it. */
  linkedAt: number | null = null;
  /** True if so many holds are open that the company cannot be judged. */
  hasTooManyHolds = false;
  /** Whether a status was applied whose word is terminal, and was unknown to an earlier release. */
  hasLaterWord = false;

  readonly #size = new CompanySize();
  /** The links of each connection that have not ended. */
  readonly #notEnded = new Map<string, Link[]>();
  #named = 0;
  #early = 0;
  #unsealed = 0;
  #unfinished = 0;
  #succeeded = 0;

  constructor(private readonly partition: number) {}

  get unsealedLinks(): string[] {
    return [...this.links].filter(([, link]) => isOpen(link)).map(([linkId]) => linkId);
  }

  get succeeded(): number {
    return this.#succeeded;
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  /** A complete company is pending again: the caller knows that it was not announced. */
  reopen(): void {
    this.outcome = 'pending';
  }

  /** Whether all holds for `policy`, as the company is now. */
  isComplete(policy: Policy): boolean {
    if (this.holds.size > 0 || this.#succeeded === 0) return false;
    return policy === 'FIRST_DATASET' || (this.links.size > 0 && this.#unsealed === 0 && this.#unfinished === 0);
  }

  hold(offset: number): void {
    if (this.outcome !== 'pending') return;
    if (this.holds.size >= MAX_HOLDS) this.hasTooManyHolds = true;
    else this.holds.add(`${this.partition}/${offset}`); // [13]
  }

  /**
   * Applies a record.
   *
   * @param policyInForce called if the record is judged [7]
   * @returns the limit that the record exceeds: then it is a bad record, and only holds the company. Else null
   */
  apply(event: JudgedEvent, policyInForce: () => Policy): LimitCode | null {
    if (this.outcome !== 'pending') return null;
    const { payload, offset } = event;
    switch (payload.type) {
      case 'CompanyDeleted':
        this.outcome = 'deleted';
        return null;
      case 'AnnouncedElsewhere':
        this.outcome = 'announced-elsewhere';
        return null;
      case 'ConnectionUnlinked':
        this.#lift(event.repairs);
        this.#unlink(payload.connectionId, offset);
        this.#judge(policyInForce);
        return null;
      case 'LinkSyncQueued': {
        const limit = this.#limitOf(payload);
        if (limit !== null) return this.#refuse(limit, offset);
        this.#lift(event.repairs);
        this.linkedAt ??= event.timestamp;
        this.#addManifest(payload, offset);
        this.#judge(policyInForce);
        return null;
      }
      case 'DatasetStatusChanged':
        return this.#takeStatus(payload, event, policyInForce);
    }
  }

  #judge(policyInForce: () => Policy): void {
    if (this.isComplete('FIRST_DATASET') && this.isComplete(policyInForce())) this.outcome = 'complete';
  }

  #refuse(limit: LimitCode, offset: number): LimitCode {
    this.hold(offset);
    return limit;
  }

  #lift(repairs: readonly string[]): boolean {
    let lifted = false;
    for (const hold of repairs) if (this.holds.delete(hold)) lifted = true; // [14]
    return lifted;
  }

  #limitOf(manifest: Manifest): LimitCode | null {
    let added = 0;
    const seen = new Set<string>();
    for (const { datasetId } of manifest.datasets) {
      if (seen.has(datasetId)) continue;
      seen.add(datasetId);
      if (this.datasets.get(datasetId)?.named == null) added++;
    }
    if (this.#named + added > MAX_NAMED_DATASETS) return 'too-many-datasets';
    if (!this.links.has(manifest.linkId) && this.links.size >= MAX_LINKS) return 'too-large';
    if (!this.connections.has(manifest.connectionId) && this.connections.size >= MAX_CONNECTIONS) return 'too-large';
    return this.#size.wouldExceed(this.#size.growthBy(manifest, this)) ? 'too-large' : null;
  }

  #addManifest(manifest: Manifest, offset: number): void {
    const { linkId, connectionId, sourceType, companyName, isFinal } = manifest;
    this.#size.grow(this.#size.growthBy(manifest, this));
    this.companyName = companyName;
    this.connections.set(connectionId, sourceType);
    let link = this.links.get(linkId);
    if (link === undefined) {
      link = { isSealed: false, endedAt: null, unfinished: 0 };
      this.links.set(linkId, link);
      this.#unsealed++;
      const others = this.#notEnded.get(connectionId);
      if (others === undefined) this.#notEnded.set(connectionId, [link]);
      else others.push(link);
    }
    if (isFinal) {
      if (isOpen(link)) this.#unsealed--;
      link.isSealed = true; // [1]
    }
    for (const { datasetId, dataType } of manifest.datasets) {
      const dataset = this.datasets.get(datasetId) ?? this.#newDataset(datasetId);
      if (dataset.named === null) {
        dataset.firstNamedAt = offset;
        this.#named++;
        if (dataset.status !== null) this.#early--;
      } else this.#count(dataset, -1);
      dataset.named = { dataType, link, connectionId };
      this.#count(dataset, 1);
    }
  }

  #unlink(connectionId: string, offset: number): void {
    for (const link of this.#notEnded.get(connectionId) ?? []) {
      if (!link.isSealed) this.#unsealed--;
      link.endedAt = offset;
      this.#unfinished -= link.unfinished; // [3]
    }
    this.#notEnded.delete(connectionId);
  }

  #takeStatus(change: StatusChange, { offset, repairs }: JudgedEvent, policyInForce: () => Policy): LimitCode | null {
    const { datasetId, status, revision } = change;
    const known = this.datasets.get(datasetId);
    const isApplied = change.trigger !== 'REFRESH' && !isStale(known, revision);
    const growth = isApplied && known?.named != null ? this.#size.growthByStatus(known, status) : 0;
    if (growth > 0 && this.#size.wouldExceed(growth)) return this.#refuse('too-large', offset);
    const lifted = this.#lift(repairs);
    if (isApplied) {
      if (known === undefined) this.#makeRoomForEarly();
      const dataset = known ?? this.#newDataset(datasetId);
      if (dataset.named !== null) this.#count(dataset, -1);
      else if (dataset.status === null) this.#early++;
      dataset.status = status;
      dataset.statusAt = offset;
      dataset.isNumbered = revision !== null;
      if (revision !== null) dataset.revision = revision;
      if (dataset.named !== null) this.#count(dataset, 1);
      if (isLaterTerminal(status)) this.hasLaterWord = true;
      this.#size.grow(growth);
    }
    if (isApplied || lifted) this.#judge(policyInForce); // [7]
    return null;
  }

  #newDataset(datasetId: string): Dataset {
    const dataset: Dataset = {
      named: null,
      firstNamedAt: -1,
      status: null,
      statusAt: -1,
      revision: null,
      isNumbered: false,
    };
    this.datasets.set(datasetId, dataset);
    return dataset;
  }

  /** Before one more early dataset would exceed the limit, forgets those whose latest status has the lowest offset. */
  #makeRoomForEarly(): void {
    if (this.#early < MAX_EARLY_DATASETS) return;
    const early = [...this.datasets].filter(([, { named }]) => named === null);
    early.sort(([, a], [, b]) => a.statusAt - b.statusAt);
    for (const [datasetId] of early.slice(0, FORGOTTEN_AT_ONCE)) this.datasets.delete(datasetId);
    this.#early -= FORGOTTEN_AT_ONCE;
  }

  /** Adds a named dataset to the counts, or takes it out. */
  #count({ named, status }: Dataset, by: 1 | -1): void {
    if (named === null) return;
    if (status === 'Complete') this.#succeeded += by;
    if (status !== null && isTerminal(status)) return;
    named.link.unfinished += by;
    if (named.link.endedAt === null) this.#unfinished += by;
  }
}

function isOpen({ isSealed, endedAt }: Link): boolean {
  return !isSealed && endedAt === null;
}

function isStale(dataset: Dataset | undefined, revision: number | bigint | null): boolean {
  if (dataset === undefined || dataset.revision === null || revision === null) return false;
  return dataset.revision >= revision; // A comparison of bigint and number is exact.
}
