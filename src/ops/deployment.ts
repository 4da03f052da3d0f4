/** Views of the whole deployment: one instance asks all others. */
import type { Explanation } from '../domain/explanation.js';
import type { PartitionState } from '../pipeline/observer.js';
import type { PartitionOwner } from '../pipeline/ports.js';
import type { LocalPartitions } from './company-directory.js';
import type { Failure } from './failure-watch.js';
import type { InstanceClient } from './instance-client.js';
import { NO_FIGURES, type Figures, type ListedPartition } from './partition-figures.js';
import { merge, type CompanyList, type ListState, type PendingLists } from './pending-lists.js';
import { reasonOf } from '../lib/reason-of.js';
import type { AddSettings } from '../lib/shell-command.js';
import { withShortTexts } from './short-texts.js';

export interface ListedPartitionWithOwner extends Omit<ListedPartition, 'state'> {
  /** Null if its owner is unknown, or does not answer. */
  readonly state: PartitionState | null;
  /** The address of its owner; null if unknown. */
  readonly owner: string | null;
}

export interface DeploymentOptions {
  readonly local: LocalPartitions;
  /** Lists of the pending companies in this instance's partitions. */
  readonly lists: PendingLists;
  readonly figuresOf: (partition: number) => Figures;
  readonly failureOf: (partition: number) => Failure | null;
  /** The number of partitions of the input topic. */
  readonly partitions: number;
  readonly owners: () => Promise<readonly PartitionOwner[]>;
  readonly client: InstanceClient;
  /** The address at which the others reach this instance. */
  readonly address: () => string | null;
  /** Adds this instance's settings to the commands in its reasons. */
  readonly addSettings: AddSettings;
}

export class Deployment {
  constructor(private readonly options: DeploymentOptions) {}

  partitionsHere(): ListedPartition[] {
    const { local, figuresOf, failureOf, addSettings } = this.options;
    const ofFailure = (failure: Failure | null) => failure && { ...failure, cause: addSettings(failure.cause) };
    const views = [...local.statuses()]
      .sort(([a], [b]) => a - b)
      .map(([partition, { reason, ...status }]) => ({
        partition,
        ...status,
        reason: reason && addSettings(reason),
        ...figuresOf(partition),
        ...ofFailure(failureOf(partition)),
      }));
    return withShortTexts(views);
  }

  /** Every partition of the input, including those of other instances. */
  async partitionsEverywhere(): Promise<ListedPartitionWithOwner[]> {
    const { partitions, address, client } = this.options;
    const views = new Map<number, ListedPartitionWithOwner>();
    for (const view of this.partitionsHere()) views.set(view.partition, { ...view, owner: address() });
    const owners = await this.#otherOwners();
    const owned = partitionsByAddress(owners);
    const addresses = [...owned.keys()];
    const silent = new Map<string, string>();
    const ask = async (owner: string) => {
      const failure = await tried(() =>
        client.partitions(owner, (answer) => {
          for (const view of answer)
            if (owned.get(owner)?.has(view.partition) === true) views.set(view.partition, { ...view, owner });
        }),
      );
      if (typeof failure === 'string') silent.set(owner, failure);
    };
    await Promise.all(addresses.map(ask));
    for (const { partition, httpAddress: owner } of owners) {
      const reason = owner === null ? undefined : silent.get(owner);
      if (reason !== undefined && !views.has(partition)) views.set(partition, { ...unknown(partition), owner, reason });
    }
    return Array.from({ length: partitions }, (_, partition) => views.get(partition) ?? unknown(partition));
  }

  listHere(state: ListState, limit: number): Promise<CompanyList> {
    return this.options.lists.list(state, limit);
  }

  async listEverywhere(state: ListState, limit: number): Promise<CompanyList> {
    const { client } = this.options;
    const instances = [...partitionsByAddress(await this.#otherOwners())];
    let merged: CompanyList = { companies: [], count: 0, complete: true };
    const add = (list: CompanyList) => (merged = merge([merged, list], limit));
    const askHere = async () => add(await this.listHere(state, limit));
    const ask = async ([address, owned]: readonly [string, ReadonlySet<number>]) => {
      const failure = await tried(() => client.list(address, state, limit, (list) => add(ofPartitions(list, owned))));
      if (typeof failure === 'string') add({ companies: [], count: 0, complete: false });
    };
    await Promise.all([askHere(), ...instances.map(ask)]);
    return merged;
  }

  /** @throws InstanceError */
  explanationOf(address: string, companyId: string): Promise<Explanation> {
    return this.options.client.explanation(address, companyId);
  }

  /** The owners of partitions that this instance does not have. */
  async #otherOwners(): Promise<readonly PartitionOwner[]> {
    const { local, partitions, owners } = this.options;
    const localStatuses = local.statuses();
    if (localStatuses.size >= partitions) return [];
    const known = await tried(owners);
    if (typeof known === 'string') return [];
    return known.filter(({ partition }) => !localStatuses.has(partition));
  }
}

/**
 * For each address, the partitions that the group has given to the instance there. Statements of that instance count
 * for no other partitions.
 */
function partitionsByAddress(owners: readonly PartitionOwner[]): ReadonlyMap<string, ReadonlySet<number>> {
  const owned = new Map<string, Set<number>>();
  for (const { partition, httpAddress } of owners) {
    if (httpAddress === null) continue;
    const partitions = owned.get(httpAddress) ?? new Set();
    owned.set(httpAddress, partitions.add(partition));
  }
  return owned;
}

function ofPartitions(list: CompanyList, partitions: ReadonlySet<number>): CompanyList {
  const companies = list.companies.filter(({ partition }) => partitions.has(partition));
  return companies.length === list.companies.length ? list : { ...list, companies, complete: false };
}

/** Returns the result of `ask`; if it fails, the error as text. */
async function tried<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask();
  } catch (error) {
    return reasonOf(error);
  }
}

function unknown(partition: number): ListedPartitionWithOwner {
  return { partition, state: null, reason: 'its owner is unknown, or does not answer', owner: null, ...NO_FIGURES };
}
